#ifndef BOBBIN_FILE_UNCACHED_HPP
#define BOBBIN_FILE_UNCACHED_HPP

#include <bobbin/file/detail/paced_file.hpp>

namespace bobbin {

/// `Writeback` by the uncached writes of kernels from 6.16 on, where the file system takes them: pages
/// leave the cache as soon as they are on disk. Small writes are put together to 1 MiB; `flush` hands them
/// to the kernel. At the first refusal the file goes on as `Writeback` does.
///
/// Works in line, as `Writeback` does. External sync.
template <FilePolicy Next, Clock C = SystemClock, Observer O = NullObserver>
class Uncached : public file::detail::PacedFile<Next, C, O> {
    using Base = file::detail::PacedFile<Next, C, O>;

public:
    /// What is wrong with `next` or the options is answered by each call, and by `unusable`.
    /// @allocates the counts of dirty pages
    explicit Uncached(Next next, const WritebackOptions& options = {}, C clock = C{},
                      O observer = O{}) noexcept
        : Base{std::move(next), WrapperKind::uncached, options, std::move(clock),
               std::move(observer)} {}

    /// @errors `invalid_argument`: a cap that is too small; `EISDIR`, `ESPIPE`: not a regular file;
    /// `out_of_memory`
    static Result<Uncached> open(Next next, const WritebackOptions& options = {}, C clock = C{},
                                 O observer = O{}) noexcept {
        Uncached file{std::move(next), options, std::move(clock), std::move(observer)};
        if (const auto error = file.unusable()) return *error;
        return file;
    }
};

}  // namespace bobbin

#endif
