#ifndef BOBBIN_TESTING_FAILURES_HPP
#define BOBBIN_TESTING_FAILURES_HPP

#include <string>
#include <utility>
#include <vector>

namespace bobbin::testing {

/// What kind of end the recovery comes after.
struct Crash {
    bool power_cut = true;  ///< else all processes were only killed: what the kernel had is there
    unsigned depth = 1;     ///< 2: in the recovery from another crash, and so on
    std::string replay;     ///< the option that repeats it
};

/// What a scenario found wrong after a crash.
class Failures {
public:
    explicit Failures(Crash crash = {}) : crash_{std::move(crash)} {}

    const Crash& crash() const noexcept { return crash_; }
    void add(std::string message) { messages_.push_back(std::move(message)); }
    bool check(bool holds, const char* message) {
        if (!holds) add(message);
        return holds;
    }
    bool empty() const noexcept { return messages_.empty(); }
    const std::vector<std::string>& messages() const noexcept { return messages_; }

private:
    Crash crash_;
    std::vector<std::string> messages_;
};

}  // namespace bobbin::testing

#endif
