// expect: nodiscard
#include <bobbin/core/result.hpp>

bobbin::Result<void> sync();

void ignore_an_error() {
#ifdef BOBBIN_CONTROL
    (void)sync().has_value();
#else
    sync();
#endif
}
