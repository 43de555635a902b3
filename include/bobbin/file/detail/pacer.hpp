#ifndef BOBBIN_FILE_DETAIL_PACER_HPP
#define BOBBIN_FILE_DETAIL_PACER_HPP

#include <bobbin/core/clock.hpp>
#include <bobbin/core/observer.hpp>
#include <bobbin/file/detail/dirty_cells.hpp>
#include <bobbin/file/detail/file_calls.hpp>
#include <bobbin/file/options.hpp>
#include <bobbin/file/report.hpp>

#include <bit>
#include <optional>
#include <utility>

namespace bobbin::file::detail {

/// Decides when a file's pages go to the disk, are waited for and are dropped, and does so. The file is
/// passed to each call, as the owner may move it. `sync()` is how its owner makes it durable. External sync.
template <class File, Clock C, Observer O>
class Pacer {
public:
    static constexpr std::uint64_t drop_back = std::uint64_t{8} << 20;
    static constexpr std::uint64_t first_chunk = std::uint64_t{4} << 20;
    static constexpr std::uint64_t smallest_chunk = WritebackOptions::smallest_cap.value / 4;
    static constexpr std::uint64_t largest_uncached = std::uint64_t{1} << 20;
    static constexpr std::uint64_t largest_folio = std::uint64_t{2} << 20;
    static constexpr std::uint64_t no_tail = 0;

    Pacer(const WritebackOptions& with, C clock, O observer) noexcept
        : options_{with}
        , clock_{std::move(clock)}
        , observer_{std::move(observer)}
        , cells_{with.budget ? with.budget->cap().value : with.cap.value} {
        if (options_.budget) options_.budget->join();
        report_.chunk = Bytes{std::clamp(first_chunk, smallest_chunk, largest_chunk())};
    }
    Pacer(const Pacer&) = delete;
    Pacer& operator=(const Pacer&) = delete;
    ~Pacer() {
        if (!options_.budget) return;
        options_.budget->change(counted_, 0);
        options_.budget->leave();
    }

    const WritebackOptions& options() const noexcept { return options_; }
    FileReport& report() noexcept { return report_; }
    const FileReport& report() const noexcept { return report_; }
    O& observer() noexcept { return observer_; }
    MonotonicTime now() const noexcept { return clock_.monotonic(); }
    WriteMode mode() const noexcept { return report_.mode.mode; }
    bool has_failed() const noexcept { return report_.fault.has_value(); }
    std::uint64_t unit() const noexcept { return cells_.unit(); }
    std::uint64_t outstanding() const noexcept { return cells_.outstanding(); }

    void set_mode(ModeChoice choice) noexcept {
        report_.mode = choice;
        observer_.on_write_mode(choice.mode, choice.reason);
    }
    void latch(const Error& error, ByteRange range) noexcept {
        if (report_.fault) return;
        report_.fault = WriteFault{error, range};
        observer_.on_error(error);
    }
    /// Another open file description, which is told of errors that `file` was told of first. One that is
    /// removed before its sync is noticed if it has a name now.
    void watch(const File& file) noexcept {
        if (auto guard = reopen(file)) {
            guard_.emplace(std::move(*guard));
            report_.has_guard = true;
        }
        const auto now = status(file);
        had_name_ = now && now->links != 0;
    }
    void unwatch() noexcept { guard_.reset(); }

    template <class Call>
    auto timed(Operation operation, std::uint64_t offset, Call&& call) noexcept {
        const auto start = now();
        auto result = call();
        report_.note({operation, offset, now() - start});
        return result;
    }

    /// What may be outstanding below a cap. The kernel counts a large folio as a whole, though a byte of it
    /// was written; an eighth is kept for that.
    static constexpr std::uint64_t below(std::uint64_t cap) noexcept { return cap - cap / 8; }

    /// The kernel keeps pages in folios, as large as the writes that made them. To patch a byte makes all of its
    /// folio dirty.
    /// @source linux/pagemap.h: MAX_PAGECACHE_ORDER
    std::uint64_t folio() const noexcept {
        return std::bit_floor(std::min(largest_folio, largest_chunk()));
    }
    /// What counts as dirty once `range` is written, of a file that ends at `end`. What was written long
    /// ago has left the cache, and comes back in small folios.
    ByteRange widened(ByteRange range, std::uint64_t end) const noexcept {
        if (range.from >= end || end - range.from > limit() + drop_back) return range;
        const auto after = (range.to + folio() - 1) / folio() * folio();
        return {range.from - range.from % folio(), std::max(range.to, std::min(after, end))};
    }

    /// How much may be written before the next call of `pace`.
    std::size_t slice() const noexcept {
        const auto dirty = cells_.dirty();
        auto left = chunk() > dirty ? chunk() - dirty : 0;
        // Larger ones leave the disk idle while they are copied.
        if (mode() == WriteMode::uncached) left = std::min(left, largest_uncached);
        return static_cast<std::size_t>(std::max(left, smallest_chunk));
    }

    /// Bytes that were, or may have been, written. @param end the file's before
    void note(ByteRange range, std::uint64_t end) noexcept {
        report_.written += Bytes{range.size()};
        report_.back_patches += range.from < end;
        written_ = {std::min(written_.from, range.from), std::max(written_.to, range.to)};
        end_ = std::max(end_, end);
        const auto counted = widened(range, end_);
        end_ = std::max(end_, range.to);
        if (mode() == WriteMode::plain) return;
        cells_.add(counted);
        count();
    }
    void cut(std::uint64_t size) noexcept {
        end_ = size;
        cells_.cut(size);
        count();
    }

    /// Waits until `range` may be written without more than the cap being outstanding.
    /// @returns false where an error is latched
    template <class Sync>
    bool make_room(File& file, ByteRange range, Sync&& sync) noexcept {
        range = widened(range, end_);
        if (mode() == WriteMode::plain || has_room(range)) return true;
        if (mode() == WriteMode::kick_only) {
            start_window(file, no_tail, sync);
            forget_in_flight();
        } else if (mode() == WriteMode::paced_sync) {
            (void)sync_now(file, sync);
        } else {
            // No more than is needed: each window that is waited for holds the caller up.
            for (auto window = window_ - std::min<std::uint64_t>(window_, 2);
                 window <= window_ && !has_room(range) && !has_failed(); ++window)
                confirm(file, window, sync);
            if (!has_room(range) && !has_failed()) {
                start_window(file, no_tail, sync);
                confirm(file, window_, sync);
            }
        }
        return !has_failed();
    }

    /// A window that is full goes on its way, and the one before last is waited for.
    template <class Sync>
    void pace(File& file, Sync&& sync) noexcept {
        if (mode() == WriteMode::plain || cells_.dirty() < chunk()) return;
        if (mode() == WriteMode::paced_sync) {
            // There is nothing on its way while it fills, so it may be larger.
            if (cells_.dirty() >= limit() / 2) (void)sync_now(file, sync);
            return;
        }
        start_window(file, end_, sync);
        if (mode() == WriteMode::kick_only)
            forget_in_flight();
        else if (window_ > 2)
            confirm(file, window_ - 2, sync);
    }

    /// @returns whether all is durable; else the error is latched
    template <class Sync>
    bool sync_now(File& file, Sync&& sync) noexcept {
        ++report_.syncs;
        const auto range = written_.from < written_.to ? written_ : ByteRange{};
        const auto fails = [&](const Error& error) {
            latch(error, range);
            return false;
        };
        const SyncResult synced = timed(Operation::sync, range.from, sync);
        if (!synced) return fails(synced.error());
        if (guard_) {
            // Waits for nothing: it only tells of errors.
            const auto seen = wait_writeback(*guard_, 0, 1);
            if (!seen && !is_not_supported(seen)) return fails(seen.error());
        }
        if (had_name_)
            if (const auto now = status(file); now && now->links == 0)
                return fails({Domain::system, ENOENT, ErrorKind::stale, Operation::sync});
        cells_.clear();
        count();
        written_ = {UINT64_MAX, 0};
        if (range.size() == 0) return true;
        if (mode() != WriteMode::plain && mode() != WriteMode::kick_only) {
            join_confirmed(range);
            drop_range(file, {again_from(range.from), range.to});
        }
        if (options_.measures_residue)
            if (const auto left = cache_status(file, range.from, range.size()))
                report_.residue = left->cached;
        return true;
    }

    /// Waits for what is on its way and drops it, until the deadline of a wait has passed.
    template <class Sync>
    void drain(File& file, Sync&& sync) noexcept {
        if (has_failed() || (mode() != WriteMode::write_back && mode() != WriteMode::uncached))
            return;
        const auto deadline = deadline_after(now(), options_.wait_deadline);
        auto window = window_ - std::min<std::uint64_t>(window_, 2);
        for (; window <= window_ && cells_.in_flight() != 0 && now() < deadline; ++window)
            confirm(file, window, sync);
        if (std::exchange(has_kept_page_, false)) {
            ++report_.drops;
            (void)drop_cache(file, end_ - end_ % unit(), 0);
        }
    }

private:
    struct Window {
        MonotonicTime at{};
        std::uint64_t bytes = 0;
    };

    // Three windows are outstanding: one fills, two are on their way.
    std::uint64_t limit() const noexcept {
        const auto& budget = options_.budget;
        const auto cap =
            budget ? std::max(budget->cap().value / std::max<std::uint64_t>(budget->files(), 1),
                              WritebackOptions::smallest_cap.value)
                   : options_.cap.value;
        return below(cap);
    }
    std::uint64_t largest_chunk() const noexcept { return std::max(limit() / 4, smallest_chunk); }
    std::uint64_t chunk() const noexcept { return std::min(report_.chunk.value, largest_chunk()); }

    void count() noexcept {
        const auto now = cells_.outstanding();
        report_.peak = std::max(report_.peak, Bytes{now});
        if (options_.budget) options_.budget->change(counted_, now);
        counted_ = now;
    }

    bool has_room(ByteRange range) const noexcept {
        // A page at each end.
        const auto more = range.size() + 2 * cells_.unit();
        if (!cells_.has_room_for(range) || cells_.outstanding() + more > limit()) return false;
        const auto& budget = options_.budget;
        return !budget || budget->used().value + more <= budget->cap().value;
    }

    template <class Sync>
    void start_window(File& file, std::uint64_t tail, Sync&& sync) noexcept {
        ++window_;
        started_[window_ % 4] = {now(), cells_.dirty()};
        bool missing = false;
        cells_.start(window_, tail, [&](ByteRange range) {
            if (missing) return;
            ++report_.kicks;
            auto started = timed(Operation::write_back, range.from,
                                 [&] { return start_writeback(file, range.from, range.size()); });
            missing = is_not_supported(started);
            if (!started && !missing) latch(started.error(), range);
        });
        count();
        if (missing) go_on_with_syncs(file, sync);
    }

    template <class Sync>
    void confirm(File& file, std::uint64_t window, Sync&& sync) noexcept {
        bool waited_any = false, blocked = false, missing = false;
        // The system tells that a write failed, not which: all that is not confirmed is in doubt.
        auto doubt = cells_.hull();
        doubt.to = std::min(doubt.to, std::max(end_, doubt.from));
        cells_.finish(window, [&](ByteRange range) {
            if (missing) return;
            ++report_.waits;
            waited_any = true;
            const auto start = now();
            auto waited = wait_writeback(file, range.from, range.size());
            const auto took = now() - start;
            report_.note({Operation::wait, range.from, took});
            blocked = blocked || took > std::chrono::milliseconds{1};
            missing = is_not_supported(waited);
            if (!waited && !missing) latch(waited.error(), doubt);
            if (waited && !has_failed()) drop(file, range);
        });
        count();
        if (missing)
            go_on_with_syncs(file, sync);
        else if (waited_any && window + 4 > window_)
            adapt(started_[window % 4], blocked);
    }

    /// Two windows are on their way, so each takes half of the target. Only a wait that blocked tells
    /// when its window arrived, and so how fast the disk is; else it may have arrived long before.
    void adapt(const Window& started, bool blocked) noexcept {
        const auto arrived = now();
        auto size = chunk();
        if (blocked) {
            const auto took = arrived - std::max(started.at, std::exchange(arrived_, arrived));
            const auto ideal = static_cast<double>(started.bytes) /
                               static_cast<double>(took.count()) *
                               static_cast<double>(options_.target.count()) / 2;
            size = (size + static_cast<std::uint64_t>(std::min(ideal, 1e15))) / 2;
        } else if (arrived - started.at < options_.target / 2) {
            size *= 2;
        }
        report_.chunk = Bytes{std::clamp(size, smallest_chunk, largest_chunk())};
    }

    void drop(File& file, ByteRange range) noexcept {
        join_confirmed(range);
        drop_range(file, {again_from(range.from), range.to});
    }
    /// Pages that were still referenced survive a drop: it goes over the 8 MiB before again, but
    /// neither over what is outstanding nor over what we did not confirm.
    std::uint64_t again_from(std::uint64_t from) const noexcept {
        const auto before = std::max(confirmed_.from, from - std::min(from, drop_back));
        const auto start = std::max(before, cells_.busy_before(from));
        return start - start % cells_.unit();
    }
    void drop_range(File& file, ByteRange range) noexcept {
        // The page that the file ends in stays while it is open: the next bytes would have it read back.
        if (range.to >= end_ && end_ % unit() != 0) {
            range.to = end_ - end_ % unit();
            has_kept_page_ = true;
            if (range.to <= range.from) return;
        }
        ++report_.drops;
        // One that fails leaves pages to the kernel, and nothing else.
        (void)drop_cache(file, range.from, range.size());
    }
    void join_confirmed(ByteRange range) noexcept {
        if (range.from < confirmed_.from || range.from > confirmed_.to) confirmed_ = range;
        confirmed_.to = std::max(confirmed_.to, range.to);
    }

    void forget_in_flight() noexcept {
        cells_.finish(window_, [](ByteRange) {});
        count();
    }

    /// What was on its way when the call turned out to be missing is waited for by a sync.
    template <class Sync>
    void go_on_with_syncs(File& file, Sync&& sync) noexcept {
        set_mode({WriteMode::paced_sync, WriteModeReason::no_range_writeback});
        if (!has_failed()) (void)sync_now(file, sync);
    }

    WritebackOptions options_;
    [[no_unique_address]] C clock_;
    [[no_unique_address]] O observer_;
    FileReport report_;
    DirtyCells cells_;
    std::optional<File> guard_;
    bool had_name_ = false;
    bool has_kept_page_ = false;  ///< the last one, when all else was dropped
    std::uint64_t end_ = 0;  ///< of the file, as far as it was told
    std::uint64_t window_ = 0;
    Window started_[4];                 ///< the last windows
    MonotonicTime arrived_{};           ///< when a wait that blocked returned
    std::uint64_t counted_ = 0;         ///< outstanding, as the budget knows it
    ByteRange written_{UINT64_MAX, 0};  ///< since the last sync
    ByteRange confirmed_{};             ///< a run of confirmed bytes
};

}  // namespace bobbin::file::detail

#endif
