#ifndef BOBBIN_TESTING_STEP_THREADS_HPP
#define BOBBIN_TESTING_STEP_THREADS_HPP

#include <bobbin/core/threads.hpp>
#include <bobbin/testing/scheduler.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <utility>

namespace bobbin::testing {

/// Threads of a `StepScheduler`: each lock, unlock, wait, notification, start and end is a point
/// where another thread may go on. Outside a run there is one thread, and nothing waits.
struct StepThreads {
    using policy_concept = threads_tag;
    class Condition;

    class Mutex {
    public:
        Mutex() = default;
        Mutex(const Mutex&) = delete;
        Mutex& operator=(const Mutex&) = delete;

        void lock() {
            auto* self = StepScheduler::here();
            if (self) {
                self->scheduler().yield(*self);
                while (held_) self->scheduler().block(*self, this, std::nullopt);
                StepScheduler::count_mutexes(*self, 1);
            }
            held_ = true;
        }
        bool try_lock() {
            auto* self = StepScheduler::here();
            if (self) self->scheduler().yield(*self);
            if (std::exchange(held_, true)) return false;
            if (self) StepScheduler::count_mutexes(*self, 1);
            return true;
        }
        void unlock() {
            held_ = false;
            auto* self = StepScheduler::here();
            if (!self) return;
            StepScheduler::count_mutexes(*self, -1);
            self->scheduler().wake(this);
            self->scheduler().yield(*self, false);
        }

    private:
        friend class Condition;
        bool held_ = false;
    };

    class Condition {
    public:
        void wait_for(std::unique_lock<Mutex>& lock, std::chrono::nanoseconds d) {
            auto* self = StepScheduler::here();
            if (!self) return;
            // Given up without a choice in between, as a real condition does.
            auto& mutex = *lock.mutex();
            mutex.held_ = false;
            StepScheduler::count_mutexes(*self, -1);
            self->scheduler().wake(&mutex);
            try {
                self->scheduler().block(*self, this, d);
            } catch (const StepDeadlock&) {
                take(mutex, *self);
                throw;
            }
            take(mutex, *self);
        }
        void notify_all() noexcept {
            auto* self = StepScheduler::here();
            if (!self) return;
            self->scheduler().wake(this);
        }

    private:
        static void take(Mutex& mutex, StepScheduler::Slot& self) {
            while (mutex.held_) self.scheduler().block(self, &mutex, std::nullopt);
            mutex.held_ = true;
            StepScheduler::count_mutexes(self, 1);
        }
    };

    class Thread {
    public:
        Thread() = default;
        template <class F>
            requires std::invocable<F, std::stop_token>
        explicit Thread(F f) {
            auto* self = StepScheduler::here();
            if (!self) throw std::logic_error{"StepThreads::Thread is started outside a run"};
            auto body = std::make_shared<F>(std::move(f));
            slot_ = self->scheduler().start([body, token = stop_.get_token()] { (*body)(token); });
            self->scheduler().yield(*self);
        }
        Thread(Thread&&) = default;
        Thread& operator=(Thread&& other) {
            if (this != &other) {
                finish();
                stop_ = std::exchange(other.stop_, std::stop_source{});
                slot_ = std::move(other.slot_);
            }
            return *this;
        }
        ~Thread() { finish(); }

        bool joinable() const noexcept { return slot_ != nullptr; }
        void request_stop() {
            auto* self = StepScheduler::here();
            if (self && slot_) self->scheduler().hold_up(*slot_, true);
            stop_.request_stop();
            if (self && slot_) self->scheduler().hold_up(*slot_, false);
        }
        void join() {
            if (auto* self = StepScheduler::here(); self && slot_)
                self->scheduler().join(*self, *slot_);
            slot_.reset();
        }

    private:
        void finish() {
            if (!slot_) return;
            request_stop();
            join();
        }
        std::stop_source stop_;
        std::shared_ptr<StepScheduler::Slot> slot_;
    };
};

static_assert(Threads<StepThreads>);

}  // namespace bobbin::testing

#endif
