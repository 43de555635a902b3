#ifndef BOBBIN_FILE_WRITEBACK_HPP
#define BOBBIN_FILE_WRITEBACK_HPP

#include <bobbin/file/detail/paced_file.hpp>

namespace bobbin {

/// Bounds the dirty and cached bytes of a file. It starts write-back of each window, waits for the
/// window before last, and drops the pages whose write was confirmed. A window is sized so that it
/// is about 100 ms on its way, under a byte cap that holds wherever the writer goes. The first error is
/// latched: nothing is called durable after it. Where ranges cannot be written back it paces by syncs.
///
/// Works in line and makes no thread: each call may wait for the disk, a hung one for ever. External sync.
template <FilePolicy Next, Clock C = SystemClock, Observer O = NullObserver>
class Writeback : public file::detail::PacedFile<Next, C, O> {
    using Base = file::detail::PacedFile<Next, C, O>;

public:
    /// What is wrong with `next` or the options is answered by each call, and by `unusable`.
    /// @allocates the counts of dirty pages
    explicit Writeback(Next next, const WritebackOptions& options = {}, C clock = C{},
                       O observer = O{}) noexcept
        : Base{std::move(next), WrapperKind::writeback, options, std::move(clock),
               std::move(observer)} {}

    /// @errors `invalid_argument`: a cap that is too small; `EISDIR`, `ESPIPE`: not a regular file;
    /// `out_of_memory`
    static Result<Writeback> open(Next next, const WritebackOptions& options = {}, C clock = C{},
                                  O observer = O{}) noexcept {
        Writeback file{std::move(next), options, std::move(clock), std::move(observer)};
        if (const auto error = file.unusable()) return *error;
        return file;
    }
};

}  // namespace bobbin

#endif
