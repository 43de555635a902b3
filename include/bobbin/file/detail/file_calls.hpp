#ifndef BOBBIN_FILE_DETAIL_FILE_CALLS_HPP
#define BOBBIN_FILE_DETAIL_FILE_CALLS_HPP

#include <bobbin/file/concept.hpp>
#include <bobbin/fs/concept.hpp>

#include <optional>

namespace bobbin::file::detail {

// The optional operations of a file. What a type lacks answers `not_supported`, as a system does that
// has the call but not for this file: wrappers have one way to go on without.

template <class F>
concept WritesRanges = requires(F& f) {
    f.start_writeback(std::uint64_t{}, std::uint64_t{});
    f.wait_writeback(std::uint64_t{}, std::uint64_t{});
};
template <class F>
concept CanWriteUncached = requires(F& f, ByteView bytes, std::size_t taken) {
    f.write_uncached_at(bytes, std::uint64_t{}, taken);
};

constexpr Error not_supported(Operation operation) noexcept {
    return {Errc::not_supported, operation};
}

template <class F>
Result<void> start_writeback(F& file, std::uint64_t offset, std::uint64_t size) noexcept {
    if constexpr (WritesRanges<F>)
        return file.start_writeback(offset, size);
    else
        return not_supported(Operation::write_back);
}
template <class F>
Result<void> wait_writeback(F& file, std::uint64_t offset, std::uint64_t size) noexcept {
    if constexpr (WritesRanges<F>)
        return file.wait_writeback(offset, size);
    else
        return not_supported(Operation::write_back);
}
template <class F>
Result<void> drop_cache(F& file, std::uint64_t offset, std::uint64_t size) noexcept {
    if constexpr (requires { file.drop_cache(offset, size); })
        return file.drop_cache(offset, size);
    else
        return not_supported(Operation::drop_cache);
}
template <class F>
Result<void> read_ahead(F& file, std::uint64_t offset, std::uint64_t size) noexcept {
    if constexpr (requires { file.read_ahead(offset, size); })
        return file.read_ahead(offset, size);
    else
        return not_supported(Operation::read);
}
template <class F>
Result<CacheStatus> cache_status(const F& file, std::uint64_t offset, std::uint64_t size) noexcept {
    if constexpr (requires { file.cache_status(offset, size); })
        return file.cache_status(offset, size);
    else
        return not_supported(Operation::stat);
}
template <class F>
Result<void> preallocate(F& file, Bytes size) noexcept {
    if constexpr (requires { file.preallocate(size); })
        return file.preallocate(size);
    else
        return not_supported(Operation::preallocate);
}
template <class F>
Result<void> truncate(F& file, Bytes size) noexcept {
    if constexpr (requires { file.truncate(size); })
        return file.truncate(size);
    else
        return not_supported(Operation::truncate);
}
template <class F>
Result<FileStatus> status(const F& file) noexcept {
    if constexpr (requires { file.status(); })
        return file.status();
    else
        return not_supported(Operation::stat);
}
template <class F>
Result<SpaceStatus> space(const F& file) noexcept {
    if constexpr (requires { file.space(); })
        return file.space();
    else
        return not_supported(Operation::space);
}
template <class F>
Result<std::uint32_t> type(const F& file) noexcept {
    if constexpr (requires { file.type(); })
        return file.type();
    else
        return not_supported(Operation::stat);
}
template <class F>
Result<F> reopen(const F& file) noexcept {
    if constexpr (requires { file.reopen(); })
        return file.reopen();
    else
        return not_supported(Operation::open);
}

constexpr bool is_not_supported(const Result<void>& result) noexcept {
    return !result && result.error().is(Errc::not_supported);
}

}  // namespace bobbin::file::detail

#endif
