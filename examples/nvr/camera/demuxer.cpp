#include "camera/demuxer.hpp"

extern "C" {
#include <libavutil/dict.h>
#include <libavutil/log.h>
#include <libavutil/mathematics.h>
}

#include <array>

namespace nvr {
namespace {

std::string text_of(int code) {
    std::array<char, 128> text{};
    av_strerror(code, text.data(), text.size());
    return text.data();
}

std::string codec_name(AVCodecID id) {
    const auto* name = id == AV_CODEC_ID_NONE ? "an unknown format" : avcodec_get_name(id);
    std::string upper{name};
    if (id == AV_CODEC_ID_MJPEG) upper = "MJPEG";
    if (id == AV_CODEC_ID_MPEG4) upper = "MPEG-4 part 2";
    return upper;
}

}  // namespace

Demuxer::Demuxer(const std::string& url, bool is_live, std::stop_token stop, Timeouts timeouts)
    : stop_{std::move(stop)}, timeouts_{timeouts} {
    av_log_set_level(AV_LOG_FATAL);
    context_ = avformat_alloc_context();
    packet_ = av_packet_alloc();
    AVDictionary* options = nullptr;
    if (is_live) {
        // One medium a session: with two, RTCP reports would rewrite the timestamps.
        av_dict_set(&options, "allowed_media_types", "video", 0);
        av_dict_set(&options, "rtsp_transport", "tcp", 0);
        av_dict_set(&options, "user_agent", "bobbin-nvr", 0);
        av_dict_set_int(&options, "timeout",
                        std::chrono::microseconds{timeouts_.read}.count(), 0);
        av_dict_set(&options, "protocol_whitelist", "rtsp,rtp,tcp,udp", 0);
    } else {
        av_dict_set(&options, "protocol_whitelist", "file", 0);
    }
    deadline_ = std::chrono::steady_clock::now() + timeouts_.open;
    if (context_ && packet_) context_->interrupt_callback = {&Demuxer::interrupt, this};
    try {
        if (!context_ || !packet_) throw SourceError{"no memory left"};
        const auto name = is_live ? url : "file:" + url;
        const int code = avformat_open_input(&context_, name.c_str(), nullptr, &options);
        av_dict_free(&options);
        if (code < 0) fail(is_live ? "cannot connect" : "cannot open the file", code);
        choose_stream();
    } catch (...) {
        av_dict_free(&options);
        avformat_close_input(&context_);
        av_packet_free(&packet_);
        throw;
    }
}

Demuxer::~Demuxer() {
    // The farewell of RTSP must not wait for a camera that is gone.
    deadline_ = std::chrono::steady_clock::now() + std::chrono::seconds{1};
    avformat_close_input(&context_);
    av_packet_free(&packet_);
}

void Demuxer::choose_stream() {
    for (unsigned i = 0; i < context_->nb_streams; ++i) {
        auto* stream = context_->streams[i];
        if (!stream_ && stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO)
            stream_ = stream;
        else
            stream->discard = AVDISCARD_ALL;
    }
    if (!stream_) throw SourceError{"sends no video; check the address, and that its video is enabled", true};
    const auto id = stream_->codecpar->codec_id;
    if (id == AV_CODEC_ID_H264)
        codec_ = bobbin::media::Codec::h264;
    else if (id == AV_CODEC_ID_HEVC)
        codec_ = bobbin::media::Codec::h265;
    else
        throw SourceError{"its video is " + codec_name(id) +
                              ", which is not recorded; set this stream of the camera to H.264 or H.265",
                          true};
}

bobbin::ByteView Demuxer::extradata() const noexcept {
    const auto& p = parameters();
    if (!p.extradata || p.extradata_size <= 0) return {};
    return {reinterpret_cast<const std::byte*>(p.extradata), static_cast<std::size_t>(p.extradata_size)};
}

const AVPacket* Demuxer::read() {
    for (;;) {
        deadline_ = std::chrono::steady_clock::now() + timeouts_.read;
        av_packet_unref(packet_);
        const int code = av_read_frame(context_, packet_);
        if (stop_.stop_requested() || code == AVERROR_EOF) return nullptr;
        if (code == AVERROR(EAGAIN)) continue;
        if (code < 0) fail("the connection broke", code);
        if (packet_->stream_index == stream_->index && packet_->size > 0) return packet_;
    }
}

std::int64_t Demuxer::ticks(std::int64_t time) const noexcept {
    return av_rescale_q(time, stream_->time_base, AVRational{1, 90'000});
}

int Demuxer::interrupt(void* self) noexcept {
    auto& me = *static_cast<Demuxer*>(self);
    if (me.stop_.stop_requested()) return 1;
    me.has_timed_out_ = std::chrono::steady_clock::now() >= me.deadline_;
    return me.has_timed_out_ ? 1 : 0;
}

void Demuxer::fail(const std::string& what, int code) const {
    if (has_timed_out_) throw SourceError{what + ": no answer in time"};
    if (code == AVERROR_HTTP_UNAUTHORIZED)
        throw SourceError{what + ": the camera refuses user name and password", true};
    if (code == AVERROR_HTTP_NOT_FOUND)
        throw SourceError{what + ": the camera knows no such address (the part after the host)", true};
    throw SourceError{what + ": " + text_of(code)};
}

}  // namespace nvr
