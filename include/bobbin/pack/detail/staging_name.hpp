#ifndef BOBBIN_PACK_DETAIL_STAGING_NAME_HPP
#define BOBBIN_PACK_DETAIL_STAGING_NAME_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/core/crc32c.hpp>
#include <bobbin/core/error.hpp>

#include <cerrno>
#include <string>
#include <string_view>

namespace bobbin::pack {

/// The directory in which a restore makes what it puts into a tree, at the top of that tree: where
/// the file system is the same, and the right to write is needed anyway. No save takes it.
inline constexpr std::string_view restore_staging_name = ".bobbin-restore";

/// Whether an error says that what has the name of a staging directory is none, and no restore's.
inline bool is_no_restore(const Error& error) noexcept {
    return error.is_errno(ENOTDIR) && error.operation == Operation::recover;
}

namespace detail {

/// What it is for a tree that is not there yet, beside it.
/// @allocates it
inline std::string staging_name_beside(std::string_view tree) {
    constexpr std::size_t longest = 200;
    std::string name{"."};
    name += tree.substr(0, longest);
    if (tree.size() > longest) name += "~" + std::to_string(crc32c(as_bytes(tree)));
    name += restore_staging_name;
    return name;
}

/// Whether it is one of these.
inline bool is_staging_name(std::string_view name) noexcept {
    return name.starts_with('.') && name.ends_with(restore_staging_name);
}

}  // namespace detail
}  // namespace bobbin::pack

#endif
