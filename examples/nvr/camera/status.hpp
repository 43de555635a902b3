#ifndef NVR_CAMERA_STATUS_HPP
#define NVR_CAMERA_STATUS_HPP

#include <bobbin/core/clock.hpp>
#include <bobbin/core/ids.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace nvr {

/// How a stream is doing, for people. Internally synchronised.
class StreamStatus {
public:
    enum class State : std::uint8_t { connecting, recording, waiting, stopped };
    struct Snapshot {
        State state = State::connecting;
        std::string problem;  ///< in plain words; empty where there is none
        std::optional<bobbin::MonotonicTime> last_frame;
        std::uint64_t frames = 0;
        std::uint64_t connects = 0;
    };

    void set(State state, std::string problem = {}) {
        const std::lock_guard lock{mutex_};
        now_.state = state;
        now_.problem = std::move(problem);
        if (state == State::connecting) ++now_.connects;
    }
    /// A frame was stored.
    void frame(bobbin::MonotonicTime when) {
        const std::lock_guard lock{mutex_};
        now_.last_frame = when;
        ++now_.frames;
        if (now_.state == State::recording) return;
        now_.state = State::recording;
        now_.problem.clear();
    }
    Snapshot snapshot() const {
        const std::lock_guard lock{mutex_};
        return now_;
    }

private:
    mutable std::mutex mutex_;
    Snapshot now_;
};

constexpr std::string_view name_of(StreamStatus::State state) noexcept {
    constexpr std::string_view names[] = {"connecting", "recording", "waiting", "stopped"};
    return names[static_cast<std::size_t>(state)];
}

using Statuses = std::map<bobbin::StreamId, std::shared_ptr<StreamStatus>>;

}  // namespace nvr

#endif
