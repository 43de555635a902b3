#ifndef BOBBIN_WRITER_HPP
#define BOBBIN_WRITER_HPP

#include <bobbin/detail/appender.hpp>
#include <bobbin/detail/worker.hpp>

#include <utility>

namespace bobbin {

template <class C>
class BasicSyncer;

/// Takes the records of one stream, one object after the other. Move-only, without a thread, must
/// not outlive its syncer. External sync; writers of different streams are independent.
///
/// Destroyed without `end`, it ends its object uncleanly and waits for nothing.
template <class C>
class BasicWriter {
public:
    using Record = typename C::Record;
    using Facts = typename C::Facts;

    BasicWriter(BasicWriter&& other) noexcept
        : state_{std::exchange(other.state_, nullptr)}, stream_{other.stream_},
          worker_{other.worker_} {}
    BasicWriter& operator=(BasicWriter&& other) noexcept {
        std::swap(state_, other.state_);
        std::swap(stream_, other.stream_);
        std::swap(worker_, other.worker_);
        return *this;
    }
    ~BasicWriter() {
        if (!state_) return;
        (void)appender().end(EndReason::unclean, nullptr);
        const typename detail::DirectoryState<C>::Lock lock{state_->mutex};
        stream_->has_writer = false;
        state_->release_if_settled(*stream_);
    }

    /// Begins an object of which the program says `facts`; the file is made by the first `append`.
    /// An object under way ends as by `end`. Without a call, an object has default facts.
    void begin(Facts facts) { appender().begin(std::move(facts)); }

    /// Takes one record. Never waits for the disk, unless there is no memory left and the option
    /// says to wait.
    /// @param bytes 1 to 2^31 of them
    /// @errors `sample_empty`, `sample_too_large`, what the index encoder refuses (nothing is taken);
    ///   `deadline_passed` (nothing is taken; try again); `out_of_memory`. With `WhenFull::drop`,
    ///   records without room are left out and told by `on_dropped`; that is no error. Nor is it
    ///   where a file had to be given up in the middle of a group: the rest of that group is left
    ///   out, whatever the option.
    Result<void> append(ByteView bytes, Record record = {}) {
        return appender().append(bytes, record, [this] {
            const bool moved = state_->workers == 0 && worker_->step();
            return state_->line.help() || moved;
        });
    }

    /// Ends the object and tells its id, at once. It is acknowledged when `on_committed(id)` fires
    /// or `syncer.wait(id)` is ok, and not before.
    /// @returns `no_object` where nothing was taken since the last end
    Result<ObjectId> end() { return appender().end(EndReason::ended, nullptr); }
    /// As `end`, with what is known of it only now.
    Result<ObjectId> end(const Facts& facts) { return appender().end(EndReason::ended, &facts); }

    StreamId stream() const noexcept { return stream_->id; }

private:
    friend class BasicSyncer<C>;
    BasicWriter(detail::DirectoryState<C>& state, detail::StreamState<C>& stream,
                detail::Worker<C>& worker) noexcept
        : state_{&state}, stream_{&stream}, worker_{&worker} {}

    detail::Appender<C> appender() noexcept { return {*state_, *stream_}; }

    detail::DirectoryState<C>* state_;
    detail::StreamState<C>* stream_;
    detail::Worker<C>* worker_;
};

template <class... Ps>
using Writer = BasicWriter<detail::compose_t<Ps...>>;

}  // namespace bobbin

#endif
