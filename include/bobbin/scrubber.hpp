#ifndef BOBBIN_SCRUBBER_HPP
#define BOBBIN_SCRUBBER_HPP

#include <bobbin/detail/object_cursor.hpp>
#include <bobbin/syncer.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

namespace bobbin {

struct ScrubOptions {
    Bytes rate{std::uint64_t{8} << 20};  ///< read in a second, at most; 0 counts as 1
    std::chrono::nanoseconds pause = std::chrono::hours{24};  ///< between two passes
};

/// What a scrubber did so far.
struct ScrubReport {
    std::uint64_t passes = 0;   ///< that came to their end
    std::uint64_t objects = 0;  ///< found whole
    Bytes read;
    std::uint64_t damaged = 0;  ///< set aside
    std::uint64_t unreadable = 0;  ///< refused by the file system, or of an unknown format: left as they are
};

/// Reads all committed objects of a syncer's directory, slowly and again and again, so that damage is found
/// while there may still be another copy. What does not match its digests twice in a row is quarantined:
/// kept, not served, and told by `on_quarantined`. Leaves the page cache as it was.
///
/// Steps in its own thread (`start`, `run`), or in those of its owner. Must not outlive its syncer.
/// Internally synchronised.
template <class C>
class BasicScrubber {
public:
    using Syncer = BasicSyncer<C>;
    static_assert(C::Digest::size != 0,
                  "bobbin::Scrubber: without digests there is nothing to compare");

    explicit BasicScrubber(Syncer& syncer, const ScrubOptions& options = {}) noexcept
        : state_{syncer.state()}
        , reader_{syncer.reader()}
        , options_{options} {}
    BasicScrubber(const BasicScrubber&) = delete;
    BasicScrubber& operator=(const BasicScrubber&) = delete;

    /// Reads one block, or sets one object aside. @returns whether the pass goes on
    /// @errors of the store; the step may be repeated
    /// @allocates rows, an object's digests and index, a block
    Result<bool> step() {
        const Lock one_at_a_time{stepping_};
        if (!damage_ && !object_)
            if (auto opened = open_next(); !opened) return opened.error();
        if (damage_) {
            if (auto aside = set_aside(); !aside) return aside.error();
        } else if (object_) {
            if (auto checked = check_block(); !checked) return checked.error();
        } else {
            count([](ScrubReport& report) { ++report.passes; });
            return false;
        }
        return true;
    }

    /// Steps until asked to stop.
    void run(std::stop_token stop) {
        const std::stop_callback wake_up{stop, [this] {
                                             const Lock lock{mutex_};
                                             stopped_.notify_all();
                                         }};
        while (!stop.stop_requested()) {
            const auto before = report().read;
            const auto goes_on = step();
            if (!goes_on)
                sleep(stop, after_an_error);
            else if (!*goes_on)
                sleep(stop, options_.pause);
            else
                sleep(stop, time_for(report().read - before));
        }
    }
    /// Makes the one thread of this scrubber; it stops when the handle is destroyed.
    [[nodiscard]] typename C::Threads::Thread start() {
        return typename C::Threads::Thread{[this](std::stop_token stop) { run(stop); }};
    }

    ScrubReport report() const {
        const Lock lock{mutex_};
        return report_;
    }

private:
    using Mutex = typename C::Threads::Mutex;
    using Lock = std::unique_lock<Mutex>;
    using Store = typename C::Store;
    using Object = typename BasicReader<C>::Object;

    static constexpr auto after_an_error = std::chrono::minutes{1};

    template <class F>
    void count(F&& f) {
        const Lock lock{mutex_};
        f(report_);
    }
    std::chrono::nanoseconds time_for(Bytes read) const noexcept {
        const auto rate = static_cast<double>(std::max<std::uint64_t>(options_.rate.value, 1));
        return std::chrono::nanoseconds{
            static_cast<std::int64_t>(1e9 * static_cast<double>(read.value) / rate)};
    }
    void sleep(const std::stop_token& stop, std::chrono::nanoseconds wait) {
        const auto& clock = state_.policy.clock;
        const auto deadline = deadline_after(clock.monotonic(), wait);
        Lock lock{mutex_};
        for (auto now = clock.monotonic(); now < deadline && !stop.stop_requested();
             now = clock.monotonic())
            stopped_.wait_for(
                lock, std::min<std::chrono::nanoseconds>(deadline - now, std::chrono::hours{1}));
    }

    Store& store() noexcept { return state_.line.store(); }

    /// The next object that can be opened, or a damaged one, or none at the end of the pass.
    Result<void> open_next() {
        if (!has_begun_)
            if (auto begun = begin_pass(); !begun) return begun;
        for (;;) {
            if (at_ == rows_.size()) {
                if (auto more = read_rows(); !more) return more;
                if (rows_.empty()) {
                    has_begun_ = false;
                    return {};
                }
            }
            const auto& row = rows_[at_++];
            if (row.directory != state_.id) continue;
            if (auto opened = open(row.id); !opened || object_ || damage_) return opened;
        }
    }
    Result<void> begin_pass() {
        streams_.clear();
        auto listed = state_.line.execute([&](typename C::Transaction& tx) -> Result<void> {
            auto usage = tx.usage();
            if (!usage) return usage.error();
            for (const auto& row : *usage)
                if (row.directory == state_.id) streams_.push_back(row.stream);
            return {};
        });
        has_begun_ = listed.has_value();
        return listed;
    }
    /// None at the end of the last stream.
    Result<void> read_rows() {
        rows_.clear();
        at_ = 0;
        while (rows_.empty()) {
            if (!cursor_) {
                if (streams_.empty()) return {};
                cursor_.emplace(store(), streams_.back());
                streams_.pop_back();
            }
            auto rows = cursor_->next();
            if (!rows) return rows.error();
            rows_ = std::move(*rows);
            if (rows_.empty()) cursor_.reset();
        }
        return {};
    }

    Result<void> open(ObjectId id) {
        auto opened = reader_.open(id, {.read_ahead = Bytes{}, .drops_behind = true});
        offset_ = 0;
        if (opened) {
            object_.emplace(std::move(*opened));
            return {};
        }
        return judge(id, opened.error());
    }

    /// Damage, a file that can't be read now, or an object that was deleted meanwhile.
    Result<void> judge(ObjectId id, const Error& error) {
        object_.reset();
        if (error.domain == Domain::sqlite) {
            --at_;  // again
            return error;
        }
        if (error.is(Errc::object_unknown)) return {};
        if (error.is(Errc::digest_mismatch) || error.is(Errc::object_short) ||
            error.is(Errc::store_invariant) || error.is_errno(ENOENT)) {
            const bool is_second = std::exchange(suspect_, id) == id;
            if (is_second)
                damage_ = error.about(id);
            else
                --at_;  // what was read wrongly once may be right
            return {};
        }
        count([](ScrubReport& report) { ++report.unreadable; });
        state_.policy.observer.on_error(error.about(id));
        return {};
    }

    Result<void> check_block() {
        const auto id = object_->row().id;
        const auto size =
            std::min<std::uint64_t>(digest_block_size, object_->size().value - offset_);
        const auto good = object_->check(offset_, size);
        object_->sent(offset_, size);
        if (!good) return judge(id, good.error());
        offset_ += size;
        const bool is_whole = offset_ == object_->size().value;
        if (is_whole) object_.reset();
        if (is_whole && suspect_ == id) suspect_ = no_object;
        count([&](ScrubReport& report) {
            report.read += Bytes{size};
            report.objects += is_whole;
        });
        return {};
    }

    /// Puts the object aside, unless it was deleted meanwhile.
    Result<void> set_aside() {
        const auto id = suspect_;
        bool is_aside = false;
        auto done = state_.line.execute([&](typename C::Transaction& tx) -> Result<void> {
            is_aside = false;
            auto row = tx.object(id);
            if (!row) return row.error();
            if (!*row || (*row)->state != ObjectState::committed) return {};
            is_aside = true;
            (*row)->state = ObjectState::quarantined;
            return tx.put(**row);
        });
        if (!done) return done;
        const auto error = *std::exchange(damage_, std::nullopt);
        if (!is_aside) return {};
        count([](ScrubReport& report) { ++report.damaged; });
        state_.policy.observer.on_quarantined(id, error);
        return {};
    }

    detail::DirectoryState<C>& state_;
    BasicReader<C> reader_;
    ScrubOptions options_;

    Mutex stepping_;
    bool has_begun_ = false;         ///< a pass
    std::vector<StreamId> streams_;  ///< to be looked at in this pass
    std::optional<detail::ObjectCursor<Store>> cursor_;
    std::vector<ObjectRow> rows_;
    std::size_t at_ = 0;            ///< the next of them
    std::optional<Object> object_;  ///< that is being read
    std::uint64_t offset_ = 0;      ///< up to where it is good
    ObjectId suspect_ = no_object;  ///< did not match the last time it was read
    std::optional<Error> damage_;   ///< of the suspect: it is to be set aside

    mutable Mutex mutex_;
    typename C::Threads::Condition stopped_;
    ScrubReport report_;
};

/// Of the archive type `A`.
template <class A>
using Scrubber = BasicScrubber<typename A::Composition>;

}  // namespace bobbin

#endif
