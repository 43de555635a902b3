#ifndef NVR_CLI_DEMO_HPP
#define NVR_CLI_DEMO_HPP

#include <string>

namespace nvr {

/// A clip to show the recorder with: 1080p, 30 frames a second, each with its number and time. Made
/// with ffmpeg at `path` unless it is there. Throws ServiceError.
void make_clip(const std::string& path);

/// A new directory for temporary files. Throws ServiceError.
std::string make_temporary_directory();

}  // namespace nvr

#endif
