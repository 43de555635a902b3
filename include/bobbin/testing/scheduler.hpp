#ifndef BOBBIN_TESTING_SCHEDULER_HPP
#define BOBBIN_TESTING_SCHEDULER_HPP

#include <bobbin/core/clock.hpp>
#include <bobbin/testing/detail/random.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace bobbin::testing {

/// Thrown in a thread that can never go on, so that a deadlocked test comes to its end.
struct StepDeadlock : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Which thread went on wherever there was a choice. As text: thread numbers, `0*5.1.0`.
using StepSchedule = std::vector<unsigned>;

std::string to_string(const StepSchedule& schedule);

/// Lets one thread run at a time, and another only where a policy is called: so that a seed, or a
/// list of choices, decides everything. Threads are real, time is not.
/// `run` is called once; all else by `StepThreads`, `StepClock`, and after the run.
class StepScheduler {
public:
    struct Options {
        StepSchedule schedule{};  ///< taken first
        std::optional<std::uint64_t>
            seed{};  ///< then by chance; without one the running thread goes on
        std::uint64_t most_choices = 1'000'000;  ///< after which the run counts as endless
    };
    /// A point where more than one thread could go on.
    struct Choice {
        std::vector<unsigned> runnable;
        std::optional<unsigned> running;  ///< the one that could have gone on
        unsigned taken = 0;
    };
    class Slot;

    StepScheduler() : StepScheduler{Options{}} {}
    explicit StepScheduler(Options options)
        : options_{std::move(options)}
        , random_{options_.seed.value_or(0)} {}
    StepScheduler(const StepScheduler&) = delete;
    StepScheduler& operator=(const StepScheduler&) = delete;

    /// Runs `body` as thread 0 and returns when all threads have ended. What `body` throws comes out.
    template <class Body>
    void run(Body&& body);

    const std::vector<Choice>& choices() const noexcept { return choices_; }
    StepSchedule schedule() const {
        StepSchedule taken;
        for (const auto& choice : choices_) taken.push_back(choice.taken);
        return taken;
    }
    /// Deadlocks, exceptions that left a thread, and the like.
    const std::vector<std::string>& failures() const noexcept { return failures_; }
    std::chrono::nanoseconds now() const {
        const std::lock_guard lock{mutex_};
        return time_;
    }

    // What the policies call. `here` is the scheduler's own thread that calls, or null outside.
    static Slot* here() noexcept { return here_; }
    void yield(Slot& self, bool may_throw = true);
    void block(Slot& self, const void* on, std::optional<std::chrono::nanoseconds> at_most);
    void wake(const void* on) noexcept;
    std::shared_ptr<Slot> start(std::function<void()> body);
    void join(Slot& self, Slot& other);
    /// While somebody asks `slot` to stop, it goes on only as far as it holds a mutex: it must not
    /// come to the destructor of its stop callback, where it would wait for a thread that does not
    /// run.
    void hold_up(Slot& slot, bool is_asked) noexcept;
    static void count_mutexes(Slot& self, int change) noexcept;

private:
    void hand_over(std::unique_lock<std::mutex>& lock, Slot& self, bool wait);
    Slot* next(Slot& self);
    Slot* choose(const std::vector<Slot*>& runnable, const Slot& self);
    Slot* pass_time();
    Slot* break_deadlock();
    void fail(std::string what);
    void end(Slot& self) noexcept;
    void main_body(Slot& self, const std::function<void()>& body) noexcept;

    inline static thread_local Slot* here_ = nullptr;

    Options options_;
    detail::Random random_;
    mutable std::mutex mutex_;
    std::vector<std::shared_ptr<Slot>> slots_;
    Slot* current_ = nullptr;
    std::chrono::nanoseconds time_{1'000'000'000};
    std::vector<Choice> choices_;
    std::vector<std::string> failures_;
};

/// One thread as the scheduler knows it.
class StepScheduler::Slot {
public:
    Slot(StepScheduler& scheduler, unsigned number) : scheduler_{scheduler}, number_{number} {}
    StepScheduler& scheduler() const noexcept { return scheduler_; }
    unsigned number() const noexcept { return number_; }

private:
    friend class StepScheduler;
    enum class State : std::uint8_t { runnable, blocked, ended };

    StepScheduler& scheduler_;
    unsigned number_;
    State state_ = State::runnable;
    const void* on_ = nullptr;
    std::optional<std::chrono::nanoseconds> deadline_;
    bool doomed_ = false;   ///< to throw when it goes on
    bool joining_ = false;  ///< in a destructor, which may not throw
    bool is_asked_to_stop_ = false;
    int mutexes_ = 0;  ///< that it holds
    std::condition_variable turn_;
    std::thread thread_;
};

template <class Body>
void StepScheduler::run(Body&& body) {
    auto self = std::make_shared<Slot>(*this, 0);
    slots_.push_back(self);
    current_ = self.get();
    auto* const before = std::exchange(here_, self.get());
    std::exception_ptr thrown;
    try {
        body();
    } catch (...) {
        thrown = std::current_exception();
    }
    for (std::size_t i = 1; i < slots_.size(); ++i) {
        const auto other = slots_[i];
        join(*self, *other);
    }
    here_ = before;
    if (thrown) std::rethrow_exception(thrown);
}

/// A point where another thread may go on instead.
inline void StepScheduler::yield(Slot& self, bool may_throw) {
    std::unique_lock lock{mutex_};
    hand_over(lock, self, true);
    if (may_throw && std::exchange(self.doomed_, false)) throw StepDeadlock{"deadlock"};
}

/// Does not go on before `wake(on)`, or until time has passed.
inline void StepScheduler::block(Slot& self, const void* on,
                                 std::optional<std::chrono::nanoseconds> at_most) {
    std::unique_lock lock{mutex_};
    self.state_ = Slot::State::blocked;
    self.on_ = on;
    // Longer than any test: for ever.
    if (at_most && *at_most < std::chrono::hours{24 * 365}) self.deadline_ = time_ + *at_most;
    hand_over(lock, self, true);
    if (!self.joining_ && std::exchange(self.doomed_, false)) throw StepDeadlock{"deadlock"};
}

inline void StepScheduler::wake(const void* on) noexcept {
    const std::lock_guard lock{mutex_};
    for (const auto& slot : slots_)
        if (slot->state_ == Slot::State::blocked && slot->on_ == on) {
            slot->state_ = Slot::State::runnable;
            slot->deadline_.reset();
        }
}

inline std::shared_ptr<StepScheduler::Slot> StepScheduler::start(std::function<void()> body) {
    const std::lock_guard lock{mutex_};
    auto slot = std::make_shared<Slot>(*this, static_cast<unsigned>(slots_.size()));
    slots_.push_back(slot);
    slot->thread_ =
        std::thread{[this, raw = slot.get(), run = std::move(body)] { main_body(*raw, run); }};
    return slot;
}

inline void StepScheduler::main_body(Slot& self, const std::function<void()>& body) noexcept {
    here_ = &self;
    {
        std::unique_lock lock{mutex_};
        self.turn_.wait(lock, [&] { return current_ == &self; });
    }
    const auto failed = [&](const std::string& what) {
        const std::lock_guard lock{mutex_};
        failures_.push_back("thread " + std::to_string(self.number_) + " threw: " + what);
    };
    try {
        body();
    } catch (const StepDeadlock&) {  // told already
    } catch (const std::exception& e) {
        failed(e.what());
    } catch (...) {
        failed("something unknown");
    }
    end(self);
}

inline void StepScheduler::end(Slot& self) noexcept {
    wake(&self);
    std::unique_lock lock{mutex_};
    self.state_ = Slot::State::ended;
    hand_over(lock, self, false);
}

inline void StepScheduler::join(Slot& self, Slot& other) {
    self.joining_ = true;
    for (;;) {
        {
            const std::lock_guard lock{mutex_};
            if (other.state_ == Slot::State::ended) break;
        }
        block(self, &other, std::nullopt);
    }
    self.joining_ = false;
    if (other.thread_.joinable()) other.thread_.join();
}

inline void StepScheduler::hold_up(Slot& slot, bool is_asked) noexcept {
    const std::lock_guard lock{mutex_};
    slot.is_asked_to_stop_ = is_asked;
}

inline void StepScheduler::count_mutexes(Slot& self, int change) noexcept {
    self.mutexes_ += change;
}

inline void StepScheduler::hand_over(std::unique_lock<std::mutex>& lock, Slot& self, bool wait) {
    auto* const chosen = next(self);
    current_ = chosen;
    if (chosen && chosen != &self) chosen->turn_.notify_one();
    if (!wait) return;
    self.turn_.wait(lock, [&] { return current_ == &self; });
}

inline StepScheduler::Slot* StepScheduler::next(Slot& self) {
    std::vector<Slot*> runnable, held_up;
    for (const auto& slot : slots_)
        if (slot->state_ == Slot::State::runnable)
            (slot->is_asked_to_stop_ && slot->mutexes_ == 0 ? held_up : runnable)
                .push_back(slot.get());
    if (runnable.empty()) runnable = std::move(held_up);
    if (runnable.size() > 1) return choose(runnable, self);
    if (runnable.size() == 1) return runnable.front();
    if (auto* const woken = pass_time()) return woken;
    return break_deadlock();
}

inline StepScheduler::Slot* StepScheduler::choose(const std::vector<Slot*>& runnable,
                                                  const Slot& self) {
    Choice choice;
    for (const auto* slot : runnable) choice.runnable.push_back(slot->number_);
    if (std::ranges::find(runnable, &self) != runnable.end()) choice.running = self.number_;
    const auto at = choices_.size();
    if (at == options_.most_choices) {
        fail("no end after " + std::to_string(at) + " choices");
        for (const auto& slot : slots_)
            slot->doomed_ = slot->state_ != Slot::State::ended && !slot->joining_;
    }
    choice.taken = choice.running.value_or(choice.runnable.front());
    if (at < options_.schedule.size()) {
        if (std::ranges::find(choice.runnable, options_.schedule[at]) != choice.runnable.end())
            choice.taken = options_.schedule[at];
        else
            failures_.push_back("the schedule is of another run");
    } else if (options_.seed) {
        choice.taken = choice.runnable[random_() % choice.runnable.size()];
    }
    choices_.push_back(choice);
    return slots_[choice.taken].get();
}

/// Time passes only when nobody can go on.
inline StepScheduler::Slot* StepScheduler::pass_time() {
    Slot* first = nullptr;
    for (const auto& slot : slots_)
        if (slot->state_ == Slot::State::blocked && slot->deadline_ &&
            (!first || *slot->deadline_ < *first->deadline_))
            first = slot.get();
    if (!first) return nullptr;
    time_ = std::max(time_, *std::exchange(first->deadline_, std::nullopt));
    first->state_ = Slot::State::runnable;
    return first;
}

inline StepScheduler::Slot* StepScheduler::break_deadlock() {
    std::string threads;
    Slot* victim = nullptr;
    for (const auto& slot : slots_) {
        if (slot->state_ != Slot::State::blocked) continue;
        threads += ' ' + std::to_string(slot->number_);
        if (!slot->joining_ && !victim) victim = slot.get();
    }
    if (!victim) return nullptr;
    fail("deadlock of threads" + threads);
    victim->state_ = Slot::State::runnable;
    victim->doomed_ = true;
    return victim;
}

/// Printed at once: where the exception must not pass, the program ends.
inline void StepScheduler::fail(std::string what) {
    std::fprintf(stderr, "%s; schedule %s\n", what.c_str(), to_string(schedule()).c_str());
    failures_.push_back(std::move(what));
}

inline std::string to_string(const StepSchedule& schedule) {
    std::string text;
    for (std::size_t i = 0; i < schedule.size();) {
        std::size_t run = 1;
        while (i + run < schedule.size() && schedule[i + run] == schedule[i]) ++run;
        if (i != 0) text += '.';
        text += std::to_string(schedule[i]);
        if (run > 1) text += '*' + std::to_string(run);
        i += run;
    }
    return text;
}

/// The reverse of `to_string`. Throws std::invalid_argument.
inline StepSchedule parse_schedule(const std::string& text) {
    StepSchedule schedule;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t used = 0;
        const auto number = [&] {
            const auto value = std::stoul(text.substr(at), &used);
            at += used;
            return value;
        };
        const auto thread = static_cast<unsigned>(number());
        std::size_t run = 1;
        if (at < text.size() && text[at] == '*') {
            ++at;
            run = number();
        }
        schedule.insert(schedule.end(), run, thread);
        if (at < text.size() && text[at++] != '.')
            throw std::invalid_argument{"not a schedule: " + text};
    }
    return schedule;
}

/// Models Clock: the time of the scheduler that runs the calling thread.
struct StepClock {
    using policy_concept = clock_tag;
    MonotonicTime monotonic() const noexcept { return MonotonicTime{passed()}; }
    WallNanoseconds realtime() const noexcept {
        return WallNanoseconds{std::chrono::days{20'000}} + passed();
    }
    void sleep_for(std::chrono::nanoseconds d) const noexcept {
        if (auto* self = StepScheduler::here()) self->scheduler().block(*self, nullptr, d);
    }

private:
    static std::chrono::nanoseconds passed() noexcept {
        const auto* self = StepScheduler::here();
        return self ? self->scheduler().now() : std::chrono::nanoseconds{};
    }
};
static_assert(Clock<StepClock>);

}  // namespace bobbin::testing

#endif
