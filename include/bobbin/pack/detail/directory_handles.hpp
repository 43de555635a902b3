#ifndef BOBBIN_PACK_DETAIL_DIRECTORY_HANDLES_HPP
#define BOBBIN_PACK_DETAIL_DIRECTORY_HANDLES_HPP

#include <bobbin/fs/file.hpp>
#include <bobbin/fs/tree.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace bobbin::pack::detail {

/// The number of a directory in `DirectoryHandles`.
using DirectoryNumber = std::uint32_t;
inline constexpr DirectoryNumber no_directory = UINT32_MAX;

/// Directories by where they lie, opened when they are needed, with few open at once however many
/// and deep they are. No symlink is followed below the first. Internally synchronised.
template <TreeFileSystem Fs>
class DirectoryHandles {
public:
    /// Holds a directory open. Must not outlive the table.
    class Pin {
    public:
        Pin() = default;
        Pin(Pin&& other) noexcept
            : table_{std::exchange(other.table_, nullptr)}
            , number_{other.number_}
            , handle_{other.handle_} {}
        Pin& operator=(Pin&& other) noexcept {
            std::swap(table_, other.table_);
            std::swap(number_, other.number_);
            std::swap(handle_, other.handle_);
            return *this;
        }
        ~Pin() { release(); }

        void release() noexcept {
            if (auto* const table = std::exchange(table_, nullptr)) table->release(number_);
        }
        FileHandle operator*() const noexcept { return handle_; }
        DirectoryNumber number() const noexcept { return table_ ? number_ : no_directory; }

    private:
        friend DirectoryHandles;
        Pin(DirectoryHandles* table, DirectoryNumber number, FileHandle handle) noexcept
            : table_{table}
            , number_{number}
            , handle_{handle} {}
        DirectoryHandles* table_ = nullptr;
        DirectoryNumber number_ = 0;
        FileHandle handle_ = no_file;
    };

    explicit DirectoryHandles(Fs fs, std::size_t most_open = 128) noexcept
        : fs_{std::move(fs)}
        , most_open_{most_open} {}
    DirectoryHandles(const DirectoryHandles&) = delete;
    DirectoryHandles& operator=(const DirectoryHandles&) = delete;
    ~DirectoryHandles() {
        for (auto& slot : slots_)
            if (slot.handle != no_file) (void)fs_.close(slot.handle);
    }

    /// A directory that stays open, closed with the table.
    /// @allocates one entry
    DirectoryNumber add_open(FileHandle handle) {
        const std::lock_guard lock{mutex_};
        slots_.push_back({no_directory, {}, handle, 1, 0});
        return static_cast<DirectoryNumber>(slots_.size() - 1);
    }
    /// One in another; it need not be there yet.
    /// @allocates one entry
    DirectoryNumber add(DirectoryNumber parent, std::string name) {
        const std::lock_guard lock{mutex_};
        slots_.push_back({parent, std::move(name), no_file, 0, 0});
        return static_cast<DirectoryNumber>(slots_.size() - 1);
    }

    /// @errors of the file system
    /// @allocates the way there
    Result<Pin> open(DirectoryNumber number) {
        const std::lock_guard lock{mutex_};
        std::vector<DirectoryNumber> way;  // of those not open, the deepest first
        auto at = number;
        while (slots_[at].handle == no_file) {
            way.push_back(at);
            at = slots_[at].parent;
        }
        open_.reserve(open_.size() + way.size());
        ++slots_[at].pins;
        for (; !way.empty(); way.pop_back()) {
            const auto next = way.back();
            auto opened = bobbin::detail::uninterrupted([&] {
                return fs_.open_directory_at(slots_[at].handle, slots_[next].name.c_str());
            });
            --slots_[at].pins;
            if (!opened) return opened.error();
            slots_[next].handle = *opened;
            slots_[next].pins = 1;
            slots_[next].used = ++clock_;
            open_.push_back(next);
            at = next;
            if (open_.size() > most_open_) close_oldest();
        }
        slots_[at].used = ++clock_;
        return Pin{this, at, slots_[at].handle};
    }

    /// The names from the first, with a '/' behind each.
    /// @allocates it
    std::string path(DirectoryNumber number) const {
        const std::lock_guard lock{mutex_};
        std::vector<const std::string*> names;
        for (; slots_[number].parent != no_directory; number = slots_[number].parent)
            names.push_back(&slots_[number].name);
        std::string path;
        for (; !names.empty(); names.pop_back()) path += *names.back() + '/';
        return path;
    }

private:
    struct Slot {
        DirectoryNumber parent = no_directory;
        std::string name;
        FileHandle handle = no_file;
        std::uint32_t pins = 0;
        std::uint64_t used = 0;  ///< when, of `clock_`
    };

    void release(DirectoryNumber number) noexcept {
        const std::lock_guard lock{mutex_};
        --slots_[number].pins;
    }
    void close_oldest() noexcept {
        auto oldest = open_.size();
        for (std::size_t n = 0; n < open_.size(); ++n) {
            const auto& slot = slots_[open_[n]];
            if (slot.pins == 0 &&
                (oldest == open_.size() || slot.used < slots_[open_[oldest]].used))
                oldest = n;
        }
        if (oldest == open_.size()) return;
        (void)fs_.close(std::exchange(slots_[open_[oldest]].handle, no_file));
        open_[oldest] = open_.back();
        open_.pop_back();
    }

    Fs fs_;
    std::size_t most_open_;
    mutable std::mutex mutex_;
    std::deque<Slot> slots_;
    std::vector<DirectoryNumber> open_;  ///< those that may be closed
    std::uint64_t clock_ = 0;
};

}  // namespace bobbin::pack::detail

#endif
