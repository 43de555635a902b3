#ifndef BOBBIN_PACK_DETAIL_SAVE_TASKS_HPP
#define BOBBIN_PACK_DETAIL_SAVE_TASKS_HPP

#include <bobbin/core/error.hpp>
#include <bobbin/pack/detail/content_reader.hpp>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace bobbin::pack::detail {

template <class Frame>
struct SaveTask {
    enum class Kind : std::uint8_t {
        root,
        directory,  ///< that the slot `first` of the frame's batch names
        files,      ///< `first` to `last` of the frame's order
        records,    ///< those of `job`
    };
    Kind kind = Kind::root;
    std::shared_ptr<Frame> frame;
    std::size_t first = 0;
    std::size_t last = 0;
    std::shared_ptr<RecordJob> job{};
};

/// What is to be done. The last that came is done first, so that few directories are open at a time
/// and what lies together is saved together. Internally synchronised.
template <class Task>
class SaveTasks {
public:
    /// They are done from the last to the first.
    void push(std::vector<Task>& tasks) {
        const std::lock_guard lock{mutex_};
        if (is_over_) return;
        for (auto& task : tasks) tasks_.push_back(std::move(task));
        if (waiting_ != 0) changed_.notify_all();
    }

    /// Whether a thread waits for which there is no task.
    bool is_wanted() const {
        const std::lock_guard lock{mutex_};
        return waiting_ > tasks_.size();
    }

    /// Waits for a task; none: all is done, or has failed.
    std::optional<Task> pop() {
        std::unique_lock lock{mutex_};
        ++waiting_;
        changed_.wait(lock, [&] { return is_over_ || !tasks_.empty(); });
        --waiting_;
        if (is_over_) return {};
        std::optional task{std::move(tasks_.back())};
        tasks_.pop_back();
        return task;
    }

    void finish() noexcept { end({}); }
    /// The first error is that of all.
    void fail(const Error& error) noexcept { end(error); }
    std::optional<Error> error() const noexcept {
        const std::lock_guard lock{mutex_};
        return error_;
    }

private:
    void end(std::optional<Error> error) noexcept {
        const std::lock_guard lock{mutex_};
        is_over_ = true;
        if (!error_) error_ = error;
        changed_.notify_all();
    }

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Task> tasks_;
    std::size_t waiting_ = 0;
    bool is_over_ = false;
    std::optional<Error> error_;
};

}  // namespace bobbin::pack::detail

#endif
