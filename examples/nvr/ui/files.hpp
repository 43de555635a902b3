#ifndef NVR_UI_FILES_HPP
#define NVR_UI_FILES_HPP

#include <span>
#include <string_view>

namespace nvr {

/// A file of the page, as it is served: "/" for the page itself, else a name that changes with the
/// content.
struct UiFile {
    std::string_view path;
    std::string_view type;
    std::string_view content;
};

std::span<const UiFile> ui_files();

}  // namespace nvr

#endif
