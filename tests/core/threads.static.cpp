#include <bobbin/core/threads.hpp>

namespace {

using namespace bobbin;

static_assert(Threads<StdThreads>);
static_assert(!Threads<int>);

struct NoTag : StdThreads {
    using policy_concept = clock_tag;
};
struct NoMutex : StdThreads {
    using Mutex = int;
};
struct NoStopToken : StdThreads {
    struct Thread {
        explicit Thread(void (*)()) {}
        void request_stop() {}
    };
};
static_assert(!Threads<NoTag> && !Threads<NoMutex> && !Threads<NoStopToken>);

}  // namespace
