#ifndef BOBBIN_FILE_DETAIL_ABANDONED_HPP
#define BOBBIN_FILE_DETAIL_ABANDONED_HPP

#include <atomic>
#include <cstddef>
#include <mutex>

namespace bobbin::file::detail {

/// A worker that a call of the system does not give back, with all that it refers to.
class Abandoned {
public:
    Abandoned() = default;
    Abandoned(const Abandoned&) = delete;
    Abandoned& operator=(const Abandoned&) = delete;
    virtual ~Abandoned() = default;

    bool is_done() const noexcept { return is_done_.load(std::memory_order_acquire); }

protected:
    void done() noexcept { is_done_.store(true, std::memory_order_release); }

private:
    friend class Census;
    std::atomic<bool> is_done_{false};
    Abandoned* next_ = nullptr;
};

/// All abandoned workers of the process. Never destroyed, so that leaving the program does not wait for
/// them, though the system may: it ends no process with a thread that is stuck in a call.
/// Internally synchronised.
class Census {
public:
    static Census& all() noexcept {
        alignas(Census) static std::byte place[sizeof(Census)];
        static Census* const census = new (place) Census;
        return *census;
    }

    /// Takes it over.
    void add(Abandoned* worker) noexcept {
        const std::lock_guard lock{mutex_};
        worker->next_ = first_;
        first_ = worker;
    }
    /// Lets those go that came back, and counts the others.
    std::size_t count() noexcept {
        Abandoned* back = nullptr;
        std::size_t left = 0;
        {
            const std::lock_guard lock{mutex_};
            for (auto** at = &first_; *at;) {
                auto* worker = *at;
                if (worker->is_done()) {
                    *at = worker->next_;
                    worker->next_ = back;
                    back = worker;
                } else {
                    ++left;
                    at = &worker->next_;
                }
            }
        }
        while (back) {
            auto* worker = back;
            back = back->next_;
            delete worker;
        }
        return left;
    }

private:
    Census() = default;
    std::mutex mutex_;
    Abandoned* first_ = nullptr;
};

}  // namespace bobbin::file::detail

#endif
