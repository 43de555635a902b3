#ifndef BOBBIN_FILE_NFS_SKIP_HPP
#define BOBBIN_FILE_NFS_SKIP_HPP

#include <bobbin/file/detail/paced_file.hpp>

namespace bobbin {

/// On a network file system it only starts write-back, waits for nothing and drops nothing; elsewhere it
/// is `Writeback`. The explicit choice for a program that must not wait for a server: bursts are then
/// bounded by nobody. `report().mode` says what it does. External sync.
template <FilePolicy Next, Clock C = SystemClock, Observer O = NullObserver>
class NfsSkip : public file::detail::PacedFile<Next, C, O> {
    using Base = file::detail::PacedFile<Next, C, O>;

public:
    /// What is wrong with `next` or the options is answered by each call, and by `unusable`.
    /// @allocates the counts of dirty pages
    explicit NfsSkip(Next next, const WritebackOptions& options = {}, C clock = C{},
                     O observer = O{}) noexcept
        : Base{std::move(next), WrapperKind::nfs_skip, options, std::move(clock),
               std::move(observer)} {}

    /// @errors `invalid_argument`: a cap that is too small; `EISDIR`, `ESPIPE`: not a regular file;
    /// `out_of_memory`
    static Result<NfsSkip> open(Next next, const WritebackOptions& options = {}, C clock = C{},
                                O observer = O{}) noexcept {
        NfsSkip file{std::move(next), options, std::move(clock), std::move(observer)};
        if (const auto error = file.unusable()) return *error;
        return file;
    }
};

}  // namespace bobbin

#endif
