#ifndef BOBBIN_FILE_AUTO_HPP
#define BOBBIN_FILE_AUTO_HPP

#include <bobbin/file/detail/paced_file.hpp>

namespace bobbin {

/// Chooses by the file system: uncached writes where they are supported, else `Writeback`, also on network
/// file systems; paced syncs where ranges cannot be written back, nothing where files live in memory.
/// The observer is told what and why, `report().mode` says it. External sync.
template <FilePolicy Next, Clock C = SystemClock, Observer O = NullObserver>
class Auto : public file::detail::PacedFile<Next, C, O> {
    using Base = file::detail::PacedFile<Next, C, O>;

public:
    /// What is wrong with `next` or the options is answered by each call, and by `unusable`.
    /// @allocates the counts of dirty pages
    explicit Auto(Next next, const WritebackOptions& options = {}, C clock = C{},
                  O observer = O{}) noexcept
        : Base{std::move(next), WrapperKind::automatic, options, std::move(clock),
               std::move(observer)} {}

    /// @errors `invalid_argument`: a cap that is too small; `EISDIR`, `ESPIPE`: not a regular file;
    /// `out_of_memory`
    static Result<Auto> open(Next next, const WritebackOptions& options = {}, C clock = C{},
                             O observer = O{}) noexcept {
        Auto file{std::move(next), options, std::move(clock), std::move(observer)};
        if (const auto error = file.unusable()) return *error;
        return file;
    }
};

}  // namespace bobbin

#endif
