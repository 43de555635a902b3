#ifndef NVR_CAMERA_DEMUXER_HPP
#define NVR_CAMERA_DEMUXER_HPP

#include "camera/source.hpp"

extern "C" {
#include <libavformat/avformat.h>
}

#include <chrono>

namespace nvr {

/// libavformat's demuxer for one video stream, with a deadline for each call. External sync.
class Demuxer {
public:
    struct Timeouts {
        std::chrono::seconds open{15};
        std::chrono::seconds read{10};
    };

    Demuxer(const std::string& url, bool is_live, std::stop_token stop, Timeouts timeouts);
    Demuxer(const Demuxer&) = delete;
    Demuxer& operator=(const Demuxer&) = delete;
    ~Demuxer();

    const AVCodecParameters& parameters() const noexcept { return *stream_->codecpar; }
    bobbin::media::Codec codec() const noexcept { return codec_; }
    bobbin::ByteView extradata() const noexcept;

    /// The next packet of the video; null at the end, or where asked to stop. Throws SourceError.
    const AVPacket* read();
    /// In 90 kHz ticks.
    std::int64_t ticks(std::int64_t time) const noexcept;

private:
    static int interrupt(void* self) noexcept;
    [[noreturn]] void fail(const std::string& what, int code) const;
    void choose_stream();

    std::stop_token stop_;
    Timeouts timeouts_;
    std::chrono::steady_clock::time_point deadline_;
    bool has_timed_out_ = false;
    AVFormatContext* context_ = nullptr;
    AVStream* stream_ = nullptr;
    AVPacket* packet_ = nullptr;
    bobbin::media::Codec codec_ = bobbin::media::Codec::h264;
};

}  // namespace nvr

#endif
