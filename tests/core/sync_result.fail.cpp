// expect: nodiscard
#include <bobbin/core/sync_result.hpp>

bobbin::SyncResult sync();

void ignore_a_sync() {
#ifdef BOBBIN_CONTROL
    (void)static_cast<bool>(sync());
#else
    sync();
#endif
}
