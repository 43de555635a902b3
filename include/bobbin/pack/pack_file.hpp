#ifndef BOBBIN_PACK_PACK_FILE_HPP
#define BOBBIN_PACK_PACK_FILE_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/fs/concept.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace bobbin::pack {

/// What a reader needs of a file: `File<Fs>` is one.
template <class F>
concept PackFile =
    std::movable<F> && requires(const F& file, MutableByteView to, std::uint64_t at) {
        { file.read_at(to, at) } noexcept -> std::same_as<Result<std::size_t>>;
        { file.status() } noexcept -> std::same_as<Result<FileStatus>>;
    };

}  // namespace bobbin::pack

#endif
