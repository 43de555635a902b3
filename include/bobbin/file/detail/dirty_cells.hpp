#ifndef BOBBIN_FILE_DETAIL_DIRTY_CELLS_HPP
#define BOBBIN_FILE_DETAIL_DIRTY_CELLS_HPP

#include <bobbin/file/report.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstdint>

namespace bobbin::file::detail {

/// Which pages of a file are dirty or on their way to the disk, by the cells of a fixed grid:
/// wherever a writer goes, the count holds. A cell has up to 256 units of at least 4 KiB. External sync.
class DirtyCells {
public:
    static constexpr std::size_t capacity = 128;
    static constexpr std::uint64_t units = 256;

    /// @param cap about how many bytes are to be counted
    explicit DirtyCells(std::uint64_t cap) noexcept {
        while (unit_ * units * capacity / 2 < cap && unit_ < (std::uint64_t{1} << 40)) unit_ *= 2;
        // A window is several cells.
        cell_ = unit_ * std::clamp<std::uint64_t>(std::bit_floor(cap / unit_ / 16), 16, units);
    }

    std::uint64_t unit() const noexcept { return unit_; }
    std::uint64_t dirty() const noexcept { return dirty_ * unit_; }
    std::uint64_t in_flight() const noexcept { return in_flight_ * unit_; }
    std::uint64_t outstanding() const noexcept { return dirty() + in_flight(); }

    /// Whether `range` can be added without one of the calls that take out.
    bool has_room_for(ByteRange range) const noexcept {
        if (range.size() == 0) return true;
        const auto cells = (range.to - 1) / cell() - range.from / cell() + 1;
        return cells <= capacity - size_;
    }

    void add(ByteRange range) noexcept {
        for (auto at = range.from; at < range.to;) {
            const auto end = std::min(range.to, (at / cell() + 1) * cell());
            auto& entry = entry_of(at / cell());
            const auto first = at % cell() / unit_, last = (end - 1) % cell() / unit_;
            for (auto unit = first; unit <= last; ++unit) {
                auto& word = entry.dirty[unit / 64];
                const auto bit = std::uint64_t{1} << (unit % 64);
                dirty_ += (word & bit) == 0;
                word |= bit;
            }
            at = end;
        }
    }

    /// Dirty units go on their way as part of `window`, but for the one that `tail` lies in the middle
    /// of: it will be written to again. `f(range)` is called for each range; clean pages may lie in it.
    template <class F>
    void start(std::uint64_t window, std::uint64_t tail, F&& f) noexcept {
        Joined<F> joined{f};
        for (std::size_t i = 0; i < size_; ++i) {
            auto& entry = entries_[i];
            auto bits = entry.dirty;
            auto kept = Bits{};
            if (tail % unit_ != 0 && tail / cell() == entry.index) {
                const auto unit = tail % cell() / unit_;
                kept[unit / 64] = bits[unit / 64] & std::uint64_t{1} << (unit % 64);
                bits[unit / 64] &= ~kept[unit / 64];
            }
            const auto count = count_of(bits);
            if (count == 0) continue;
            const auto first = first_of(bits), end = end_of(bits);
            entry.flight_from =
                entry.flight == 0 ? first : std::min<std::uint64_t>(entry.flight_from, first);
            entry.flight_to =
                entry.flight == 0 ? end : std::max<std::uint64_t>(entry.flight_to, end);
            const auto before = entry.flight;
            entry.flight = std::min(units, entry.flight + count);
            entry.window = window;
            entry.dirty = kept;
            dirty_ -= count;
            in_flight_ += entry.flight - before;
            joined.add({entry.index * cell() + first * unit_, entry.index * cell() + end * unit_});
        }
        joined.finish();
    }

    /// What is on its way as part of windows up to `window` counts as arrived. Calls `f(range)`.
    template <class F>
    void finish(std::uint64_t window, F&& f) noexcept {
        // Taken out first, so that `f` sees what else is outstanding.
        std::array<ByteRange, capacity> ranges;
        std::size_t count = 0;
        for (std::size_t i = 0; i < size_; ++i) {
            auto& entry = entries_[i];
            if (entry.flight == 0 || entry.window > window) continue;
            const auto base = entry.index * cell();
            const ByteRange range{base + entry.flight_from * unit_, base + entry.flight_to * unit_};
            if (count != 0 && ranges[count - 1].to == range.from)
                ranges[count - 1].to = range.to;
            else
                ranges[count++] = range;
            in_flight_ -= entry.flight;
            entry.flight = 0;
        }
        forget_clean();
        for (std::size_t i = 0; i < count; ++i) f(ranges[i]);
    }

    /// Where the last outstanding range before `offset` ends; 0 if there is none.
    std::uint64_t busy_before(std::uint64_t offset) const noexcept {
        for (std::size_t i = size_; i-- > 0;) {
            const auto& entry = entries_[i];
            const auto base = entry.index * cell();
            if (base >= offset) continue;
            std::uint64_t end = 0;
            for (auto unit = units; unit-- > 0 && end == 0;)
                if ((entry.dirty[unit / 64] >> (unit % 64) & 1) != 0 &&
                    base + unit * unit_ < offset)
                    end = base + (unit + 1) * unit_;
            if (entry.flight != 0 && base + entry.flight_from * unit_ < offset)
                end = std::max(end, base + entry.flight_to * unit_);
            if (end != 0) return std::min(end, offset);
        }
        return 0;
    }

    /// The hull of all that is outstanding.
    ByteRange hull() const noexcept {
        if (size_ == 0) return {};
        return {entries_[0].index * cell(), (entries_[size_ - 1].index + 1) * cell()};
    }

    /// The file was cut off: what lay past `size` is nobody's.
    void cut(std::uint64_t size) noexcept {
        for (std::size_t i = 0; i < size_; ++i) {
            auto& entry = entries_[i];
            if (entry.index * cell() < size) continue;
            dirty_ -= count_of(entry.dirty);
            in_flight_ -= entry.flight;
            entry.dirty = {};
            entry.flight = 0;
        }
        forget_clean();
    }
    void clear() noexcept { size_ = dirty_ = in_flight_ = 0; }

private:
    using Bits = std::array<std::uint64_t, units / 64>;

    struct Entry {
        std::uint64_t index = 0;
        Bits dirty{};
        std::uint64_t flight = 0;  ///< units on their way
        std::uint64_t flight_from = 0, flight_to = 0;
        std::uint64_t window = 0;
    };

    /// Joins ranges that touch, so that each costs one call.
    template <class F>
    struct Joined {
        F& f;
        ByteRange range{};
        void add(ByteRange next) noexcept {
            if (range.size() != 0 && range.to == next.from) {
                range.to = next.to;
                return;
            }
            finish();
            range = next;
        }
        void finish() noexcept {
            if (range.size() != 0) f(range);
        }
    };

    std::uint64_t cell() const noexcept { return cell_; }

    Entry& entry_of(std::uint64_t index) noexcept {
        const auto end = entries_.begin() + static_cast<std::ptrdiff_t>(size_);
        // A file mostly grows.
        if (size_ != 0 && entries_[size_ - 1].index == index) return entries_[size_ - 1];
        const auto at =
            std::lower_bound(entries_.begin(), end, index,
                             [](const Entry& e, std::uint64_t i) { return e.index < i; });
        if (at != end && at->index == index) return *at;
        assert(size_ < capacity);
        std::move_backward(at, end, end + 1);
        ++size_;
        *at = Entry{.index = index};
        return *at;
    }
    void forget_clean() noexcept {
        const auto end = entries_.begin() + static_cast<std::ptrdiff_t>(size_);
        const auto kept = std::remove_if(entries_.begin(), end, [](const Entry& e) {
            return e.flight == 0 && count_of(e.dirty) == 0;
        });
        size_ = static_cast<std::size_t>(kept - entries_.begin());
    }
    static std::uint64_t count_of(const Bits& bits) noexcept {
        std::uint64_t count = 0;
        for (const auto word : bits) count += static_cast<std::uint64_t>(std::popcount(word));
        return count;
    }
    static std::uint64_t first_of(const Bits& bits) noexcept {
        std::uint64_t word = 0;
        while (bits[word] == 0) ++word;
        return word * 64 + static_cast<std::uint64_t>(std::countr_zero(bits[word]));
    }
    static std::uint64_t end_of(const Bits& bits) noexcept {
        auto word = bits.size() - 1;
        while (bits[word] == 0) --word;
        return (word + 1) * 64 - static_cast<std::uint64_t>(std::countl_zero(bits[word]));
    }

    std::uint64_t unit_ = 4096;
    std::uint64_t cell_ = 0;
    std::array<Entry, capacity> entries_;
    std::size_t size_ = 0;
    std::uint64_t dirty_ = 0;      ///< in units
    std::uint64_t in_flight_ = 0;  ///< in units
};

}  // namespace bobbin::file::detail

#endif
