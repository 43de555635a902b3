#ifndef NVR_CAMERA_SOURCE_HPP
#define NVR_CAMERA_SOURCE_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/core/ticks.hpp>
#include <bobbin/media/nal.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

namespace nvr {

/// Why a source gives nothing, for people.
struct SourceError : std::runtime_error {
    explicit SourceError(const std::string& text, bool needs_a_person = false)
        : std::runtime_error{text}, is_permanent{needs_a_person} {}
    bool is_permanent;  ///< trying again soon helps nobody
};

struct Packet {
    bobbin::ByteView bytes;  ///< valid until the next one is asked for
    std::optional<bobbin::MediaDuration> time;
};

/// One session with a camera, or a file played in real time and in a loop. Blocks, but not for longer
/// than its deadlines, nor after it was asked to stop. External sync.
class Source {
public:
    virtual ~Source() = default;
    virtual bobbin::media::Codec codec() const noexcept = 0;
    /// As a demuxer gives it, possibly empty.
    virtual bobbin::ByteView extradata() const noexcept = 0;
    /// Empty where asked to stop. Throws SourceError.
    virtual std::optional<Packet> next() = 0;
};

/// `url`: `rtsp://…`, or the path of a file. Throws SourceError.
std::unique_ptr<Source> open_source(const std::string& url, std::stop_token stop);

/// Whether `url` looks like something that `open_source` can open; else what is wrong.
std::optional<std::string> problem_with(const std::string& url);

}  // namespace nvr

#endif
