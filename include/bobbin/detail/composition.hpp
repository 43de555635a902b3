#ifndef BOBBIN_DETAIL_COMPOSITION_HPP
#define BOBBIN_DETAIL_COMPOSITION_HPP

#include <bobbin/core/clock.hpp>
#include <bobbin/core/observer.hpp>
#include <bobbin/core/policy.hpp>
#include <bobbin/core/retry.hpp>
#include <bobbin/core/threads.hpp>
#include <bobbin/digest/crc32c.hpp>
#include <bobbin/file/no_op.hpp>
#include <bobbin/file/options.hpp>
#include <bobbin/fs/posix.hpp>
#include <bobbin/index/null.hpp>
#include <bobbin/store/concept.hpp>
#include <bobbin/store/null_rows.hpp>

#include <type_traits>
#include <utility>

namespace bobbin::detail {

// One template for each concept, so that the message names the policy that falls short.
template <class P> struct not_a_directory {
    static_assert(Directory<P>, "bobbin::Archive: not a Directory (bobbin/fs/directory.hpp)");
};
template <class P> struct not_a_file_policy {
    static_assert(FilePolicy<P>, "bobbin::Archive: not a FilePolicy (bobbin/file/concept.hpp)");
};
template <class P> struct not_an_index_encoder {
    static_assert(IndexEncoder<P>, "bobbin::Archive: not an IndexEncoder (bobbin/index/concept.hpp)");
};
template <class P> struct not_a_digest {
    static_assert(bobbin::Digest<P>, "bobbin::Archive: not a Digest (bobbin/digest/concept.hpp)");
};
template <class P> struct not_a_metadata_store {
    static_assert(MetadataStore<P>, "bobbin::Archive: not a MetadataStore (bobbin/store/concept.hpp)");
};
template <class P, class Tx, class Counts> struct not_rows_for_this_store {
    static_assert(bobbin::Rows<P, Tx, Counts>,
                  "bobbin::Archive: not Rows for this store and index (bobbin/store/null_rows.hpp)");
};
template <class P> struct not_a_control_policy {
    static_assert(bobbin::Retry<P> || bobbin::Clock<P> || bobbin::Threads<P> || bobbin::Observer<P>,
                  "bobbin::Archive: not a Retry, Clock, Threads or Observer (bobbin/core/)");
};

/// The policies sorted by role: what decides bytes first, then control, then observation.
template <class DirectoryP, class FileP, class IndexP, class DigestP, class StoreP, class RowsP,
          class RetryP, class ClockP, class ThreadsP, class ObserverP>
struct Composition {
    using Directory = DirectoryP;
    using File = FileP;
    using Index = IndexP;
    using Digest = DigestP;
    using Store = StoreP;
    using Transaction = typename StoreP::Transaction;
    using Rows = RowsP;
    using Retry = RetryP;
    using Clock = ClockP;
    using Threads = ThreadsP;
    using Observer = ObserverP;
    using Record = typename IndexP::Record;
    using Counts = typename IndexP::Counts;
    using Facts = typename RowsP::Facts;
};

using all_roles = roles<role::directory, role::file, role::index, role::digest, role::store,
                        role::rows, role::retry, role::clock, role::threads, role::observer>;

template <class... Ps>
struct compose {
    static_assert(all_roles::accept<Ps...>);
    using File = select_policy_t<role::file, NoOp<PosixFile>, Ps...>;
    using Directory = select_policy_t<role::directory, typename File::directory_type, Ps...>;
    using Index = select_policy_t<role::index, NullIndex, Ps...>;
    using Digest = select_policy_t<role::digest, Crc32c, Ps...>;
    using Store = select_policy_t<role::store, must_be_named, Ps...>;
    using Rows = select_policy_t<role::rows, NullRows, Ps...>;
    using Retry = select_policy_t<role::retry, Backoff, Ps...>;
    using Clock = select_policy_t<role::clock, SystemClock, Ps...>;
    using Threads = select_policy_t<role::threads, StdThreads, Ps...>;
    using Observer = select_policy_t<role::observer, NullObserver, Ps...>;

    static_assert(sizeof(not_a_file_policy<File>) && sizeof(not_a_directory<Directory>) &&
                  sizeof(not_an_index_encoder<Index>) && sizeof(not_a_digest<Digest>) &&
                  sizeof(not_a_metadata_store<Store>) && sizeof(not_a_control_policy<Retry>) &&
                  sizeof(not_a_control_policy<Clock>) && sizeof(not_a_control_policy<Threads>) &&
                  sizeof(not_a_control_policy<Observer>));
    static_assert(sizeof(not_rows_for_this_store<Rows, typename Store::Transaction,
                                                 typename Index::Counts>));

    using type = Composition<Directory, File, Index, Digest, Store, Rows, Retry, Clock, Threads, Observer>;
};
template <class... Ps>
using compose_t = typename compose<Ps...>::type;

/// The instances of a composition that may carry state; those not given are made by default.
template <class C>
struct Instances {
    [[no_unique_address]] typename C::Rows rows{};
    [[no_unique_address]] typename C::Retry retry{};
    [[no_unique_address]] typename C::Clock clock{};
    [[no_unique_address]] typename C::Observer observer{};

    template <class... Given>
    static Instances from(Given&&... given) {
        Instances instances;
        (instances.take(std::forward<Given>(given)), ...);
        return instances;
    }

private:
    template <class Given>
    void take(Given&& given) {
        using P = std::remove_cvref_t<Given>;
        if constexpr (std::is_same_v<P, typename C::Rows>)
            rows = std::forward<Given>(given);
        else if constexpr (std::is_same_v<P, typename C::Retry>)
            retry = std::forward<Given>(given);
        else if constexpr (std::is_same_v<P, typename C::Clock>)
            clock = std::forward<Given>(given);
        else {
            static_assert(std::is_same_v<P, typename C::Observer>,
                          "bobbin::Syncer::open: not a policy of this composition");
            observer = std::forward<Given>(given);
        }
    }
};

/// A stack of wrappers over the lowest file; those that take options get them.
template <class F, class Lowest>
F wrap(Lowest lowest, const WritebackOptions& options) {
    if constexpr (std::is_same_v<F, Lowest>) {
        return lowest;
    } else if constexpr (!requires(F& file) { file.next_layer(); }) {
        return F{std::move(lowest)};
    } else {
        using Next = std::remove_cvref_t<decltype(std::declval<F&>().next_layer())>;
        auto next = wrap<Next>(std::move(lowest), options);
        if constexpr (std::is_constructible_v<F, Next, const WritebackOptions&>)
            return F{std::move(next), options};
        else
            return F{std::move(next)};
    }
}

}  // namespace bobbin::detail

#endif
