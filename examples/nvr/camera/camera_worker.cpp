#include "camera/camera_worker.hpp"

#include "cli/log.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace nvr {

using namespace bobbin;

namespace {

bool sleep_unless_stopped(const std::stop_token& stop, std::chrono::milliseconds span) {
    std::mutex mutex;
    std::unique_lock lock{mutex};
    std::condition_variable_any wake;
    wake.wait_for(lock, stop, span, [] { return false; });
    return !stop.stop_requested();
}

std::string words(const Error& error) {
    if (error.domain == Domain::bobbin) return std::string{explain(static_cast<Errc>(error.code))};
    return describe(error);
}

/// Trying again soon changes nothing about these.
bool needs_a_person(const Error& error) {
    return error.is(Errc::samples_reordered) || error.is(Errc::not_supported);
}

}  // namespace

CameraWorker::CameraWorker(CameraOptions options, RecordingSink sink,
                           std::shared_ptr<StreamStatus> status)
    : options_{std::move(options)}, sink_{std::move(sink)}, status_{std::move(status)} {}

void CameraWorker::run(std::stop_token stop) {
    auto delay = options_.first_delay;
    while (!stop.stop_requested()) {
        has_recorded_ = false;
        try {
            status_->set(StreamStatus::State::connecting);
            record(stop);
            break;
        } catch (const SourceError& failure) {
            if (stop.stop_requested()) break;
            status_->set(StreamStatus::State::waiting, failure.what());
            tell(failure.what());
            if (has_recorded_) delay = options_.first_delay;
            if (failure.is_permanent) delay = options_.longest_delay;
        } catch (const std::exception& failure) {
            status_->set(StreamStatus::State::waiting, failure.what());
            tell(failure.what());
        }
        // Jitter, so that cameras that fell together do not come back together.
        const auto part = std::uniform_int_distribution<int>{50, 100}(random_);
        if (!sleep_unless_stopped(stop, delay * part / 100)) break;
        delay = std::min(2 * delay, options_.longest_delay);
    }
    status_->set(StreamStatus::State::stopped);
}

void CameraWorker::record(const std::stop_token& stop) {
    const auto source = open_source(options_.url, stop);
    zero_ = clock_.realtime() - clock_.monotonic().time_since_epoch();
    waiting_since_ = clock_.monotonic();
    entry_.reset();
    entries_ = 0;
    has_warned_ = false;
    auto converter = media::SampleConverter::create(source->codec(), source->extradata());
    if (!converter) throw SourceError{words(converter.error()), needs_a_person(converter.error())};
    Run run{sink_, options_.run};
    try {
        while (const auto packet = source->next()) take(run, *converter, *packet);
    } catch (const SourceError& failure) {
        sink_.source_failed(failure.what());
        (void)run.finish(media::RunEnd::source_failed);
        throw;
    }
    if (auto ended = run.finish(media::RunEnd::stopped); !ended)
        log::error(options_.label + ": the last recording can't be stored: " + words(ended.error()));
}

// A stream has a few; each is kept for ever.
constexpr unsigned most_entries = 64;

void CameraWorker::take(Run& run, media::SampleConverter& converter, const Packet& packet) {
    const auto facts = converter.convert(packet.bytes, sample_);
    if (!facts) {
        // Before the first key frame there may be nothing to decode with; that alone is no failure.
        if (facts.error().is(Errc::parameter_sets_missing)) return;
        throw SourceError{words(facts.error()), needs_a_person(facts.error())};
    }
    if (!facts->picture) return;
    if (converter.entry() != entry_) {
        entry_ = converter.entry();
        if (++entries_ > most_entries)
            throw SourceError{"changes its parameter sets (SPS, PPS) all the time; set a fixed resolution and "
                              "frame rate in the camera", true};
    }
    using Outcome = Run::Outcome;
    const auto outcome = run.push({facts->sync, packet.time, local_time(), converter.entry()}, sample_);
    if (!outcome) throw SourceError{"storage refuses its frames: " + words(outcome.error())};
    const auto now = clock_.monotonic();
    switch (*outcome) {
        case Outcome::taken: status_->frame(now); break;
        case Outcome::run_started:
            status_->frame(now);
            has_recorded_ = true;
            has_warned_ = false;
            told_.clear();
            log::info(options_.label + ": recording " + std::to_string(converter.entry()->width) + "x" +
                      std::to_string(converter.entry()->height) + " " + converter.entry()->rfc6381);
            break;
        case Outcome::run_replaced:
        case Outcome::run_ended:
            waiting_since_ = now;
            log::warn(options_.label + ": its timestamps jumped or paused; a new run begins at the next key frame");
            break;
        case Outcome::waiting:
            if (has_warned_ || now - waiting_since_ < options_.patience) break;
            has_warned_ = true;
            const std::string problem =
                "sends no key frame (IDR), so nothing can be recorded; set a key frame interval "
                "(“GOP”, “I frame interval”) of a few seconds in the camera";
            status_->set(StreamStatus::State::waiting, problem);
            tell(problem);
            break;
    }
}

void CameraWorker::tell(const std::string& problem) {
    if (problem == told_) return;
    told_ = problem;
    log::warn(options_.label + " (" + log::redacted(options_.url) + "): " + problem);
}

WallTime CameraWorker::local_time() const {
    return wall_time_from(zero_ + clock_.monotonic().time_since_epoch());
}

}  // namespace nvr
