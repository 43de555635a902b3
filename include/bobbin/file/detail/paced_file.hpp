#ifndef BOBBIN_FILE_DETAIL_PACED_FILE_HPP
#define BOBBIN_FILE_DETAIL_PACED_FILE_HPP

#include <bobbin/file/detail/pacer.hpp>
#include <bobbin/file/preallocation.hpp>

#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <utility>

namespace bobbin::file::detail {

/// What the wrappers that pace write-back have in common. Works in line: whoever calls waits.
/// External sync; the observer is told from within the calls.
template <FilePolicy Next, Clock C, Observer O>
class PacedFile {
public:
    using policy_concept = file_policy_tag;
    using directory_type = typename Next::directory_type;

    PacedFile(Next next, WrapperKind kind, const WritebackOptions& options, C clock,
              O observer) noexcept
        : next_{std::move(next)}
        , state_{new(std::nothrow) State{options, std::move(clock), std::move(observer)}} {
        if (state_) prepare(kind);
    }
    PacedFile(PacedFile&&) noexcept = default;
    PacedFile& operator=(PacedFile&& other) noexcept {
        if (this != &other) {
            (void)close();
            next_ = std::move(other.next_);
            state_ = std::move(other.state_);
        }
        return *this;
    }
    /// Waits for what is on its way, within the deadline; never syncs.
    ~PacedFile() { (void)close(); }

    /// @errors those of the layer below, where not one byte was taken; the latched one
    Result<std::size_t> append(ByteView bytes) noexcept {
        if (const auto refused = refusal()) return *refused;
        if (pacer().mode() == WriteMode::uncached) return append_coalesced(bytes);
        if (auto out = write_out(); !out) return out.error();
        return append_now(bytes);
    }

    /// Patches what is there, or goes on behind it.
    /// @errors `invalid_argument` where the range ends past the largest file; those of the layer below
    Result<void> write_at(ByteView bytes, std::uint64_t offset) noexcept
        requires requires(Next& next, ByteView b) { next.write_at(b, std::uint64_t{}); }
    {
        if (const auto refused = refusal()) return *refused;
        if (offset > most_offset || bytes.size() > most_offset - offset)
            return Error{Errc::invalid_argument, Operation::write};
        if (auto out = write_out(); !out) return out;
        while (!bytes.empty()) {
            const auto part = bytes.first(std::min(bytes.size(), pacer().slice()));
            if (!make_room({offset, offset + part.size()})) break;
            const auto end = next_.size().value;
            auto wrote = pacer().timed(Operation::write, offset,
                                       [&] { return next_.write_at(part, offset); });
            // How much of a failed write is there is not known: all of it counts.
            pacer().note({offset, offset + part.size()}, end);
            if (!wrote) return wrote;
            pace();
            bytes = bytes.subspan(part.size());
            offset += part.size();
        }
        return fault_or_ok();
    }

    Result<void> truncate(Bytes size) noexcept
        requires requires(Next& next) { next.truncate(Bytes{}); }
    {
        if (const auto refused = refusal()) return *refused;
        if (auto out = write_out(); !out) return out;
        auto cut = next_.truncate(size);
        if (cut) pacer().cut(size.value);
        return cut;
    }

    Result<void> flush() noexcept {
        if (const auto refused = refusal()) return *refused;
        if (auto out = write_out(); !out) return out;
        if (auto flushed = next_.flush(); !flushed) return flushed;
        return fault_or_ok();
    }

    /// Durable only if no error was ever met. May take as long as the disk does.
    SyncResult sync() noexcept {
        if (const auto unfit = unusable()) return SyncResult::not_attempted(*unfit);
        if (fault()) return SyncResult::failed(fault()->error);
        if (auto flushed = flush(); !flushed)
            return fault() ? SyncResult::failed(fault()->error)
                           : SyncResult::not_attempted(flushed.error());
        if (!pacer().sync_now(lowest(), syncing())) return SyncResult::failed(fault()->error);
        return SyncResult::durable();
    }

    /// Never syncs. May be called twice.
    /// @errors the first of: a write of what was held back, the latched one, giving blocks back, the close
    Result<void> close() noexcept {
        if (!state_ || !std::exchange(state_->is_open, false)) return next_.close();
        Result<void> out;
        if (!state_->unusable) {
            if (!fault()) out = write_out();
            pacer().drain(lowest(), syncing());
            if (fault()) out = fault()->error;
            const auto trimmed = trim(lowest(), pacer().report().preallocation);
            if (out && !trimmed) out = trimmed;
            pacer().unwatch();
        }
        auto closed = next_.close();
        return out ? closed : out;
    }

    Bytes size() const noexcept { return next_.size() + Bytes{state_ ? state_->held : 0}; }

    Next& next_layer() noexcept { return next_; }
    const Next& next_layer() const noexcept { return next_; }

    /// What it did so far.
    FileReport report() const noexcept { return state_ ? state_->pacer.report() : FileReport{}; }
    /// The first error after which bytes may be lost. Nothing is durable any more once there is one.
    std::optional<WriteFault> fault() const noexcept {
        return state_ ? state_->pacer.report().fault : std::nullopt;
    }
    /// Why the wrapper takes nothing: bad options, no memory, not a regular file.
    std::optional<Error> unusable() const noexcept {
        if (!state_) return Error{Errc::out_of_memory, Operation::open};
        return state_->unusable;
    }

private:
    static constexpr auto most_offset = std::uint64_t{std::numeric_limits<std::int64_t>::max()};
    static constexpr std::size_t coalesced = std::size_t{1} << 20;
    using Lowest = lowest_layer_t<Next>;

    struct State {
        State(const WritebackOptions& options, C clock, O observer) noexcept
            : pacer{options, std::move(clock), std::move(observer)} {}

        Pacer<Lowest, C, O> pacer;
        std::optional<Error> unusable;
        bool is_open = true;
        std::unique_ptr<std::byte[]> buffer;  ///< small writes, where they are put together
        std::size_t held = 0;                 ///< bytes in it
    };

    Lowest& lowest() noexcept { return lowest_layer(next_); }
    auto& pacer() noexcept { return state_->pacer; }
    auto syncing() noexcept {
        return [this]() noexcept { return next_.sync(); };
    }
    bool make_room(ByteRange range) noexcept {
        return pacer().make_room(lowest(), range, syncing());
    }
    void pace() noexcept { pacer().pace(lowest(), syncing()); }

    void prepare(WrapperKind kind) noexcept {
        const auto& options = pacer().options();
        auto& unfit = state_->unusable;
        if ((options.budget ? options.budget->cap() : options.cap) <
                WritebackOptions::smallest_cap ||
            options.target <= std::chrono::nanoseconds{})
            unfit = Error{Errc::invalid_argument, Operation::open};
        else if (const auto status = detail::status(lowest()); !status) {
            if (!status.error().is(Errc::not_supported)) unfit = status.error();
        } else if (status->is_directory) {
            unfit = Error::system(EISDIR, Operation::open);
        } else if (!status->is_regular) {
            unfit = Error::system(ESPIPE, Operation::open);
        }
        if (unfit) return;
        // A type that can't be asked for counts as a local disk.
        const auto type = detail::type(lowest());
        if (!type && !type.error().is(Errc::not_supported))
            pacer().observer().on_error(type.error());
        const auto traits = traits_of(type.value_or(0u));
        pacer().set_mode(choose_mode(kind, traits, WritesRanges<Lowest>, CanWriteUncached<Next>));
        pacer().watch(lowest());
        if (options.expected_size != Bytes{})
            pacer().report().preallocation = preallocate(lowest(), options.expected_size, traits);
    }

    std::optional<Error> refusal() const noexcept {
        if (const auto unfit = unusable()) return unfit;
        if (const auto met = fault()) return met->error;
        return {};
    }
    Result<void> fault_or_ok() const noexcept {
        if (const auto met = fault()) return met->error;
        return {};
    }

    /// Uncached writes are worth it from 256 KiB on, so small ones are put together.
    Result<std::size_t> append_coalesced(ByteView bytes) noexcept {
        auto& s = *state_;
        if (!s.buffer) {
            s.buffer.reset(new (std::nothrow) std::byte[coalesced]);
            if (!s.buffer) return append_now(bytes);
        }
        std::size_t taken = 0;
        const auto so_far = [&](const Error& error) {
            return taken != 0 ? Result<std::size_t>{taken} : Result<std::size_t>{error};
        };
        while (taken < bytes.size()) {
            const auto rest = bytes.subspan(taken);
            if (s.held == 0 && rest.size() >= coalesced) {
                const auto whole = rest.first(rest.size() - rest.size() % coalesced);
                auto got = append_now(whole);
                if (!got) return so_far(got.error());
                taken += *got;
                if (*got < whole.size()) return taken;
                continue;
            }
            const auto n = std::min(rest.size(), coalesced - s.held);
            if (n != 0) std::memcpy(s.buffer.get() + s.held, rest.data(), n);
            s.held += n;
            taken += n;
            if (s.held < coalesced) continue;
            // What does not go out now stays, and the next call tells why.
            if (auto out = write_out(); !out) return so_far(out.error());
        }
        return taken;
    }

    /// Hands over what is held back. What the layer below does not take stays.
    Result<void> write_out() noexcept {
        auto& s = *state_;
        while (s.held != 0) {
            auto got = append_now({s.buffer.get(), s.held});
            if (!got) return got.error();
            s.held -= *got;
            if (s.held != 0) std::memmove(s.buffer.get(), s.buffer.get() + *got, s.held);
        }
        return {};
    }

    Result<std::size_t> append_now(ByteView bytes) noexcept {
        std::size_t taken = 0;
        while (taken < bytes.size() && !pacer().has_failed()) {
            const auto rest = bytes.subspan(taken);
            const auto offset = next_.size().value;
            const auto part = rest.first(whole_pages(offset, std::min(rest.size(), pacer().slice())));
            if (!make_room({offset, offset + part.size()})) break;
            auto got = pacer().timed(Operation::write, offset, [&] { return append_below(part); });
            if (!got) {
                if (taken == 0) return got;
                break;
            }
            pacer().note({offset, offset + *got}, offset);
            taken += *got;
            pace();
            if (*got < part.size()) break;
        }
        if (taken == 0 && !bytes.empty() && fault()) return fault()->error;
        return taken;
    }

    /// How much of `size` bytes to write at once. A page that more will be written to is not written past the
    /// cache: it would have to be read back.
    std::size_t whole_pages(std::uint64_t offset, std::size_t size) noexcept {
        const auto part_of_page = static_cast<std::size_t>((offset + size) % pacer().unit());
        return pacer().mode() == WriteMode::uncached && part_of_page < size ? size - part_of_page : size;
    }
    Result<std::size_t> append_below(ByteView bytes) noexcept {
        if constexpr (CanWriteUncached<Next>)
            if (pacer().mode() == WriteMode::uncached && (next_.size().value + bytes.size()) % pacer().unit() == 0) {
                std::size_t taken = 0;
                auto wrote = next_.write_uncached_at(bytes, next_.size().value, taken);
                if (wrote || taken != 0) return taken;
                if (!is_not_supported(wrote)) return wrote.error();
                pacer().set_mode({WriteMode::write_back, WriteModeReason::uncached_unsupported});
            }
        return next_.append(bytes);
    }

    Next next_;
    std::unique_ptr<State> state_;
};

}  // namespace bobbin::file::detail

#endif
