#include "camera/source.hpp"

#include "camera/demuxer.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace nvr {
namespace {

using bobbin::MediaDuration;
using Clock = std::chrono::steady_clock;

bool is_rtsp(const std::string& url) { return url.starts_with("rtsp://"); }

Packet packet_of(const AVPacket& from, std::optional<std::int64_t> time) {
    Packet packet;
    packet.bytes = {reinterpret_cast<const std::byte*>(from.data), static_cast<std::size_t>(from.size)};
    if (time) packet.time = MediaDuration{*time};
    return packet;
}

std::optional<std::int64_t> time_of(const AVPacket& packet) {
    if (packet.pts != AV_NOPTS_VALUE) return packet.pts;
    if (packet.dts != AV_NOPTS_VALUE) return packet.dts;
    return {};
}

class CameraSource final : public Source {
public:
    CameraSource(const std::string& url, std::stop_token stop)
        : demuxer_{url, true, stop, {}}, stop_{std::move(stop)} {}

    bobbin::media::Codec codec() const noexcept override { return demuxer_.codec(); }
    bobbin::ByteView extradata() const noexcept override { return demuxer_.extradata(); }

    std::optional<Packet> next() override {
        const auto* packet = demuxer_.read();
        if (packet) {
            auto time = time_of(*packet);
            if (time) time = demuxer_.ticks(*time);
            return packet_of(*packet, time);
        }
        if (stop_.stop_requested()) return {};
        throw SourceError{"the camera ended the session"};
    }

private:
    Demuxer demuxer_;
    std::stop_token stop_;
};

/// Times rise through all rounds, as if the film had no end.
class FileSource final : public Source {
public:
    FileSource(std::string path, std::stop_token stop)
        : path_{std::move(path)}, stop_{std::move(stop)}, demuxer_{open()}, began_{Clock::now()} {
        const auto extradata = demuxer_->extradata();
        extradata_.assign(extradata.begin(), extradata.end());
    }

    bobbin::media::Codec codec() const noexcept override { return demuxer_->codec(); }
    bobbin::ByteView extradata() const noexcept override { return extradata_; }

    std::optional<Packet> next() override {
        const AVPacket* packet = demuxer_->read();
        if (!packet && !stop_.stop_requested()) {
            rewind();
            packet = demuxer_->read();
            if (!packet && !stop_.stop_requested()) throw SourceError{"the file has no video in it", true};
        }
        if (!packet) return {};
        const auto stamp = time_of(*packet);
        if (!stamp && !first_)
            throw SourceError{"the file has no timestamps; put it into an mp4: ffmpeg -i FILE -c copy FILE.mp4", true};
        if (!stamp) return packet_of(*packet, {});
        const auto in_file = demuxer_->ticks(*stamp);
        if (!first_) first_ = in_file;
        const auto time = offset_ + in_file - *first_;
        if (packet->duration > 0)
            last_duration_ = demuxer_->ticks(packet->duration);
        else if (time > last_)
            last_duration_ = time - last_;
        last_ = std::max(last_, time);
        if (!wait_until(began_ + bobbin::to_nanoseconds(MediaDuration{time}))) return {};
        return packet_of(*packet, time);
    }

private:
    std::unique_ptr<Demuxer> open() const {
        return std::make_unique<Demuxer>(path_, false, stop_, Demuxer::Timeouts{});
    }

    void rewind() {
        auto again = open();
        const auto now = again->extradata();
        if (again->codec() != demuxer_->codec() || !std::ranges::equal(now, extradata_))
            throw SourceError{"the file was replaced by another one"};
        demuxer_ = std::move(again);
        offset_ = last_ + std::max<std::int64_t>(1, last_duration_);
        first_.reset();
    }

    /// False where asked to stop.
    bool wait_until(Clock::time_point when) {
        std::mutex mutex;
        std::unique_lock lock{mutex};
        std::condition_variable_any wake;
        wake.wait_until(lock, stop_, when, [] { return false; });
        return !stop_.stop_requested();
    }

    std::string path_;
    std::stop_token stop_;
    std::unique_ptr<Demuxer> demuxer_;
    std::vector<std::byte> extradata_;
    Clock::time_point began_;
    std::optional<std::int64_t> first_;
    std::int64_t offset_ = 0, last_ = 0, last_duration_ = 0;
};

}  // namespace

std::unique_ptr<Source> open_source(const std::string& url, std::stop_token stop) {
    if (is_rtsp(url)) return std::make_unique<CameraSource>(url, std::move(stop));
    return std::make_unique<FileSource>(url, std::move(stop));
}

std::optional<std::string> problem_with(const std::string& url) {
    if (url.empty()) return "the address is empty; give rtsp://HOST/PATH or a video file";
    if (url.size() > 2000) return "the address is longer than 2000 characters";
    if (url.find("://") != std::string::npos && !is_rtsp(url))
        return "only rtsp:// addresses and video files can be recorded";
    if (std::ranges::any_of(url, [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
        return "the address has control characters in it";
    return {};
}

}  // namespace nvr
