#ifndef BOBBIN_CORE_THREADS_HPP
#define BOBBIN_CORE_THREADS_HPP

#include <bobbin/core/policy.hpp>

#include <chrono>
#include <concepts>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

namespace bobbin {

/// Mutex, condition, timed wait and start of a thread: the only way in which the engine meets
/// other threads, so that a test can decide who runs when.
///
/// | expression | meaning |
/// |---|---|
/// | `T::Mutex m; m.lock(); m.unlock();` | mutual exclusion |
/// | `T::Condition c; c.wait_for(lock, d);` | gives `std::unique_lock<T::Mutex>` up until notified or `d` has passed; may wake early |
/// | `c.notify_all();` | wakes all who wait |
/// | `T::Thread t{f};` | runs `f(std::stop_token)`; the destructor asks it to stop and joins |
/// | `t.request_stop();` | asks it to stop |
///
/// Starting a thread may throw `std::system_error`; nothing else fails.
/// Models: `StdThreads`, `testing::StepThreads`.
template <class T>
concept Threads = PolicyFor<T, threads_tag> && std::default_initializable<typename T::Mutex> &&
                  std::default_initializable<typename T::Condition> &&
                  std::constructible_from<typename T::Thread, void (*)(std::stop_token)> &&
                  requires(typename T::Mutex& mutex, typename T::Condition& condition,
                           std::unique_lock<typename T::Mutex>& lock, typename T::Thread& thread,
                           std::chrono::nanoseconds d) {
                      mutex.lock();
                      mutex.unlock();
                      condition.wait_for(lock, d);
                      { condition.notify_all() } noexcept;
                      thread.request_stop();
                  };

struct StdThreads {
    using policy_concept = threads_tag;
    using Mutex = std::mutex;
    class Condition {
    public:
        void wait_for(std::unique_lock<Mutex>& lock, std::chrono::nanoseconds d) {
            condition_.wait_for(lock, d);
        }
        void notify_all() noexcept { condition_.notify_all(); }

    private:
        std::condition_variable condition_;
    };
    using Thread = std::jthread;
};

}  // namespace bobbin

#endif
