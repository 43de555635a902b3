#ifndef NVR_CLI_LOG_HPP
#define NVR_CLI_LOG_HPP

#include <string>
#include <string_view>

namespace nvr::log {

/// Lines for the operator, on stderr. Any thread. Secrets never come here: see `redacted`.
void info(std::string_view text);
void warn(std::string_view text);
void error(std::string_view text);
/// Nothing below `error` from here on.
void be_quiet();

/// Scheme, host and port of a URL, nothing that could be a secret. A file's path stays as it is.
std::string redacted(std::string_view url);

}  // namespace nvr::log

#endif
