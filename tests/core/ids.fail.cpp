// expect: constant expression|non-constant|not a constant
#include <bobbin/core/ids.hpp>

#ifdef BOBBIN_CONTROL
inline constexpr bobbin::FormatId format{"video.v1"};
#else
inline constexpr bobbin::FormatId format{"Video"};
#endif
