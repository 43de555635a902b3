// expect: FormatId|constant expression
#include <bobbin/core/ids.hpp>

#ifdef BOBBIN_CONTROL
constexpr bobbin::FormatId format{"video.v1"};
#else
constexpr bobbin::FormatId format{"Video"};
#endif
