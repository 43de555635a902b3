#ifndef BOBBIN_SYNCER_HPP
#define BOBBIN_SYNCER_HPP

#include <bobbin/detail/directory_port.hpp>
#include <bobbin/reader.hpp>
#include <bobbin/recovery.hpp>
#include <bobbin/writer.hpp>

#include <memory>
#include <stop_token>
#include <string>
#include <utility>

namespace bobbin {

/// Has one directory open for recording: gives out writers and readers, brings their bytes to the
/// disk, removes what the committer has deleted. One for each directory.
///
/// Internally synchronised. Steps in its own thread (`start`, `run`), or in those that wait for it.
/// Must not outlive its committer, nor its writers and readers it.
template <class C>
class BasicSyncer {
public:
    using Directory = typename C::Directory;
    using Store = typename C::Store;
    using Writer = BasicWriter<C>;
    using Reader = BasicReader<C>;

    /// Locks the directory, checks that it is the one that the store knows, finishes or forgets
    /// what a crash left in it, and applies retention once. `policies...` are instances of the
    /// composition's Rows, Retry, Clock and Observer, where they carry state.
    /// @errors `directory_in_use` (another process has it), `directory_missing_identity`,
    ///   `directory_mismatch`, `directory_used_by_other_store`, `directory_unknown_to_store`,
    ///   `read_only`; `invalid_argument`, where the options allow less than 256 KiB of write-back; of
    ///   the file system and the store
    template <class... Policies>
    static Result<BasicSyncer> open(Directory directory, detail::CommitLine<Store>& line,
                                    SyncerOptions options = {}, Policies&&... policies) {
        if (line.store().is_read_only()) return Error{Errc::read_only, Operation::open};
        if (options.writeback < WritebackOptions::smallest_cap)
            return Error{Errc::invalid_argument, Operation::open};
        if (auto locked = directory.lock(); !locked) return locked.error();
        auto id = detail::with_reserve(
            [&] { return detail::open_in_two_phases(directory, line.store(), options); });
        if (!id) return id.error();
        auto parts = std::make_unique<Parts>(
            line, std::move(directory), *id, options,
            detail::Instances<C>::from(std::forward<Policies>(policies)...));
        if (auto space = parts->state.directory.space(); space)
            parts->state.block = space->block;
        auto recovered = detail::with_reserve([&] { return detail::Recovery<C>{parts->state}.run(); });
        if (!recovered) return recovered.error();
        line.attach(parts->port);
        parts->is_attached = true;
        if (auto retained = line.retain(); !retained) return retained.error();
        return BasicSyncer{std::move(parts)};
    }

    /// As above, with the directory at `path`.
    template <class... Policies>
    static Result<BasicSyncer> open(const std::string& path, detail::CommitLine<Store>& line,
                                    SyncerOptions options = {}, Policies&&... policies) {
        auto directory = Directory::open(
            path, options.create ? RootMode::create_if_missing : RootMode::existing);
        if (!directory) return directory.error();
        return open(std::move(*directory), line, options, std::forward<Policies>(policies)...);
    }

    /// The only writer of `stream` until it is destroyed.
    /// @errors `stream_unknown`, `stream_in_use`; of the store
    Result<Writer> writer(StreamId stream, WriterOptions options = {}) {
        {
            const Lock lock{state().mutex};
            if (const auto known = state().streams.find(stream);
                known != state().streams.end() && known->second->is_claimed) {
                if (known->second->has_writer)
                    return Error{Errc::stream_in_use, Operation::begin, stream};
                return take(*known->second, options);
            }
        }
        auto next = state().line.claim(stream, directory());
        if (!next) return next.error();
        auto known = *next == 0 ? Result<Sequence>{Error{Errc::sequence_exhausted, Operation::begin, stream}}
                                : known_numbers(stream, *next);
        if (!known) {
            state().line.release(stream, *next);
            return known.error();
        }
        const Lock lock{state().mutex};
        auto& entry = state().streams[stream];
        if (!entry) {
            entry = std::make_unique<detail::StreamState<C>>();
            entry->id = stream;
        }
        entry->next = *next;
        entry->durable = std::max(entry->durable, *known);
        entry->is_claimed = true;
        return take(*entry, options);
    }

    Reader reader() noexcept { return Reader{state()}; }

    /// Waits until the object is acknowledged; `no_object` is at once.
    /// @errors `object_lost` (also where only what lies before a mark was kept of it), `object_unknown`, `deadline_passed`; of the store
    Result<void> wait(ObjectId id, std::chrono::nanoseconds within) {
        if (id == no_object) return {};
        const auto deadline = deadline_after(state().now(), within);
        Lock lock{state().mutex};
        for (;;) {
            for (const auto& [lost, error] : state().lost)
                if (lost == id) return error;
            if (!state().outstanding.contains(id)) break;
            if (state().now() >= deadline) return Error{Errc::deadline_passed, Operation::wait, id};
            state().await_progress(lock, deadline, [&] {
                const bool moved = parts_->port.help();
                return state().line.help() || moved;
            });
        }
        lock.unlock();
        auto row = state().line.store().object(id);
        if (!row) return row.error();
        if (!*row || (*row)->state != ObjectState::committed)
            return Error{Errc::object_unknown, Operation::wait, id};
        if (is_cut_short((*row)->end_reason)) return Error{Errc::object_lost, Operation::wait, id};
        return {};
    }

    /// Everything that can be done now. @returns whether anything was
    bool step() { return parts_->worker.step(); }

    /// Steps until asked to stop.
    void run(std::stop_token stop) {
        ++state().workers;
        const std::stop_callback wake_up{stop, [this] {
                                             const Lock lock{state().mutex};
                                             state().wake_worker();
                                         }};
        while (!stop.stop_requested()) {
            if (step()) continue;
            const auto idle = parts_->worker.idle_time();
            Lock lock{state().mutex};
            if (!state().has_work) state().work.wait_for(lock, idle);
            state().has_work = false;
        }
        const Lock lock{state().mutex};
        --state().workers;
        state().progress.notify_all();  // who waits has to help from now on
    }
    /// Makes the one thread of this syncer; it stops when the handle is destroyed.
    [[nodiscard]] typename C::Threads::Thread start() {
        return typename C::Threads::Thread{[this](std::stop_token stop) { run(stop); }};
    }

    DirectoryId directory() const noexcept { return parts_->state.id; }

    /// How long the step under way has taken; zero between steps. A disk that hangs shows here, and only
    /// here: nothing comes back from it that could be told. Never waits.
    std::chrono::nanoseconds busy_for() const noexcept { return parts_->worker.busy_for(); }

    /// Why the directory does not take what it should, from `on_degraded` to `on_restored`: it is tried
    /// again.
    std::optional<Error> trouble() const noexcept {
        const Lock lock{parts_->state.mutex};
        return parts_->state.trouble;
    }

    /// One line for people, with the path of the directory or of the store.
    std::string describe(const Error& error) const {
        auto& state = parts_->state;
        if constexpr (requires(Store& store) { store.describe(error); })
            if (error.domain == Domain::sqlite || error.operation == Operation::commit)
                return state.line.store().describe(error);
        if constexpr (requires { state.directory.path(); })
            return bobbin::describe(error, state.directory.path());
        return bobbin::describe(error);
    }
    typename C::Observer& observer() noexcept { return state().policy.observer; }

private:
    template <class>
    friend class BasicScrubber;
    using Lock = typename detail::DirectoryState<C>::Lock;

    struct Parts {
        template <class... Args>
        explicit Parts(Args&&... args) : state{std::forward<Args>(args)...} {}
        Parts(const Parts&) = delete;
        Parts& operator=(const Parts&) = delete;
        ~Parts() {
            if (is_attached) state.line.detach(port);
            // What was not settled is left to the next recovery; its numbers are not used again.
            for (const auto& [id, stream] : state.streams)
                if (stream->is_claimed) state.line.release(id, stream->next);
        }
        detail::DirectoryState<C> state;
        detail::Worker<C> worker{state};
        detail::DirectoryPort<C> port{state, worker};
        bool is_attached = false;
    };

    explicit BasicSyncer(std::unique_ptr<Parts> parts) noexcept : parts_{std::move(parts)} {}

    detail::DirectoryState<C>& state() noexcept { return parts_->state; }

    Writer take(detail::StreamState<C>& stream, WriterOptions options) noexcept {
        stream.has_writer = true;
        stream.options = options;
        stream.next_facts = {};
        stream.has_split = false;
        stream.skips_to_group = false;
        return Writer{state(), stream, parts_->worker};
    }

    /// The highest number that the store knows of the stream in this directory. Where the stream
    /// went on in another one, the numbers up to `next` are made known here first: recovery looks
    /// only at those that follow.
    Result<Sequence> known_numbers(StreamId stream, Sequence next) {
        Sequence highest = 0;
        auto reserved = state().line.execute([&](typename C::Transaction& tx) -> Result<void> {
            highest = 0;
            auto usage = tx.usage();
            if (!usage) return usage.error();
            for (const auto& row : *usage)
                if (row.stream == stream && row.directory == directory()) highest = row.highest;
            if (highest + 1 == next) return {};
            highest = next - 1;
            return tx.reserve(stream, directory(), highest);
        });
        if (!reserved) return reserved.error();
        return highest;
    }

    std::unique_ptr<Parts> parts_;
};

template <class... Ps>
using Syncer = BasicSyncer<detail::compose_t<Ps...>>;

}  // namespace bobbin

#endif
