#ifndef NVR_CAMERA_CAMERA_WORKER_HPP
#define NVR_CAMERA_CAMERA_WORKER_HPP

#include "camera/recording_sink.hpp"
#include "camera/source.hpp"
#include "camera/status.hpp"

#include <bobbin/media/run.hpp>
#include <bobbin/media/sample_converter.hpp>

#include <chrono>
#include <memory>
#include <random>
#include <stop_token>
#include <string>

namespace nvr {

struct CameraOptions {
    std::string label;  ///< camera and stream, for people
    std::string url;
    bobbin::media::RunOptions run;
    std::chrono::milliseconds first_delay{1000};
    std::chrono::milliseconds longest_delay{30'000};
    /// Without a sync sample for so long, the operator is told.
    std::chrono::seconds patience{30};
};

/// Records one stream of one camera, for ever: connects, records, and after any failure ends the run
/// with its reason and connects again. Blocks: give it a thread of its own. External sync.
class CameraWorker {
public:
    CameraWorker(CameraOptions options, RecordingSink sink, std::shared_ptr<StreamStatus> status);

    void run(std::stop_token stop);

private:
    using Run = bobbin::media::Run<RecordingSink>;

    /// One session. Throws SourceError.
    void record(const std::stop_token& stop);
    void take(Run& run, bobbin::media::SampleConverter& converter, const Packet& packet);
    void tell(const std::string& problem);
    bobbin::WallTime local_time() const;

    CameraOptions options_;
    RecordingSink sink_;
    std::shared_ptr<StreamStatus> status_;
    bobbin::SystemClock clock_;
    bobbin::WallNanoseconds zero_{};  ///< realtime when the monotonic clock read zero, as of connecting
    bobbin::MonotonicTime waiting_since_{};  ///< for a key frame
    std::shared_ptr<const bobbin::media::SampleEntry> entry_;
    unsigned entries_ = 0;  ///< that the session has had
    bool has_recorded_ = false;
    bool has_warned_ = false;
    std::string told_;
    std::vector<std::byte> sample_;
    std::minstd_rand random_{std::random_device{}()};
};

}  // namespace nvr

#endif
