#ifndef NVR_CLI_SIZES_HPP
#define NVR_CLI_SIZES_HPP

#include <bobbin/core/bytes.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace nvr {

/// `500GiB`, `1.5TB`, `1048576`: above zero, in whole bytes after all.
std::optional<bobbin::Bytes> parse_size(std::string_view text);

/// `466 GiB`
std::string readable(bobbin::Bytes size);

}  // namespace nvr

#endif
