#include "cli/serve.hpp"

#include "cli/log.hpp"
#include "cli/program.hpp"

#include <csignal>
#include <cstdio>
#include <thread>

#include <unistd.h>

namespace nvr {
namespace {

/// SIGINT and SIGTERM, kept from all threads and waited for by one.
class StopSignals {
public:
    StopSignals() {
        sigemptyset(&signals_);
        sigaddset(&signals_, SIGINT);
        sigaddset(&signals_, SIGTERM);
        pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    }
    void wait() const {
        int which = 0;
        while (sigwait(&signals_, &which) != 0) {}
    }

private:
    sigset_t signals_{};
};

}  // namespace

int serve(ServiceOptions options) {
    // Before any thread is made: they inherit the mask.
    const StopSignals signals;
    try {
        Service service{std::move(options)};
        std::printf("bobbin-nvr: serving on %s\n", service.address().c_str());
        std::fflush(stdout);
        signals.wait();
        log::info("stopping; a second signal stops at once");
        std::thread{[signals] {
            signals.wait();
            _exit(exit_hurried);
        }}.detach();
        return service.stop() ? exit_ok : exit_failed;
    } catch (const ServiceError& e) {
        std::fprintf(stderr, "bobbin-nvr: %s\n", e.what());
        return exit_failed;
    }
}

}  // namespace nvr
