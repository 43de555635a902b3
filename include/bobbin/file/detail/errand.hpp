#ifndef BOBBIN_FILE_DETAIL_ERRAND_HPP
#define BOBBIN_FILE_DETAIL_ERRAND_HPP

#include <bobbin/core/clock.hpp>
#include <bobbin/core/result.hpp>
#include <bobbin/core/threads.hpp>
#include <bobbin/file/detail/abandoned.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

namespace bobbin::file::detail {

/// A call of the system that somebody waits for no longer than a deadline. It owns all that it refers to.
template <Threads T, class Job>
class Errand final : public Abandoned {
public:
    explicit Errand(Job job) : job_{std::move(job)} {}

    /// Runs `job()` in a thread, and gives its result, or abandons it.
    template <Clock C>
    static Result<void> run(Job job, std::chrono::nanoseconds limit, std::stop_token stop,
                            const C& clock, Operation operation) noexcept {
        std::unique_ptr<Errand> errand;
        try {
            errand = std::make_unique<Errand>(std::move(job));
            errand->thread_.emplace([e = errand.get()](std::stop_token) { e->go(); });
        } catch (const std::bad_alloc&) {
            return Error{Errc::out_of_memory, operation};
        } catch (...) {
            return Error::system(EAGAIN, Operation::start);
        }
        auto answer = errand->await(limit, stop, clock, operation);
        if (answer) return *answer;
        Census::all().add(errand.release());
        return answer.error();
    }

private:
    using Lock = std::unique_lock<typename T::Mutex>;

    void go() noexcept {
        auto result = job_();
        const Lock lock{mutex_};
        answer_ = result;
        changed_.notify_all();
        done();
    }
    template <Clock C>
    Result<Result<void>> await(std::chrono::nanoseconds limit, const std::stop_token& stop,
                               const C& clock, Operation operation) noexcept {
        const auto wake = [this]() noexcept {
            const Lock lock{mutex_};
            changed_.notify_all();
        };
        const std::stop_callback on_stop{stop, wake};
        Lock lock{mutex_};
        const auto deadline = deadline_after(clock.monotonic(), limit);
        while (!answer_) {
            if (stop.stop_requested()) return Error{Errc::stop_requested, operation};
            const auto now = clock.monotonic();
            if (now >= deadline) return Error{Errc::deadline_passed, operation};
            changed_.wait_for(
                lock, std::min<std::chrono::nanoseconds>(deadline - now, std::chrono::hours{1}));
        }
        return *answer_;
    }

    Job job_;
    typename T::Mutex mutex_;
    typename T::Condition changed_;
    std::optional<Result<void>> answer_;
    std::optional<typename T::Thread> thread_;  ///< last: joined before all else goes
};

}  // namespace bobbin::file::detail

#endif
