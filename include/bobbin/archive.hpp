#ifndef BOBBIN_ARCHIVE_HPP
#define BOBBIN_ARCHIVE_HPP

#include <bobbin/committer.hpp>
#include <bobbin/reader.hpp>
#include <bobbin/syncer.hpp>
#include <bobbin/writer.hpp>

#include <array>
#include <cstddef>
#include <stop_token>

namespace bobbin {

/// A name for a composition of policies, given in any order: at most one for each role, defaults
/// for those not named. Only the store has no default.
template <class... Ps>
struct Archive {
    using Composition = detail::compose_t<Ps...>;
    using Syncer = BasicSyncer<Composition>;
    using Writer = BasicWriter<Composition>;
    using Reader = BasicReader<Composition>;
    using Committer =
        bobbin::Committer<typename Composition::Store, typename Composition::Retry,
                          typename Composition::Clock, typename Composition::Threads>;
};

/// The threads of a committer and its syncers, one each.
template <class Threads, std::size_t Count>
class Running {
public:
    template <class... Steppers>
    explicit Running(Steppers&... steppers) : threads_{typename Threads::Thread{
                                                  [&](std::stop_token stop) { steppers.run(stop); }}...} {}

private:
    std::array<typename Threads::Thread, Count> threads_;
};

/// Starts one thread each; nobody else makes any. They stop when the handle is destroyed: call
/// `committer.drain` before, for an orderly end.
template <class Store, class... Control, class... Cs>
[[nodiscard]] auto run_all(Committer<Store, Control...>& committer, BasicSyncer<Cs>&... syncers) {
    using Threads = typename Committer<Store, Control...>::Threads;
    return Running<Threads, 1 + sizeof...(Cs)>{committer, syncers...};
}

}  // namespace bobbin

#endif
