#ifndef NVR_API_MOVIE_HPP
#define NVR_API_MOVIE_HPP

#include "api/object_files.hpp"
#include "http/entity.hpp"

#include <bobbin/media/mp4.hpp>

namespace nvr {

/// A virtual mp4 file as something to be sent. Immutable.
class Movie final : public http::Entity {
public:
    Movie(bobbin::media::Mp4File file, std::shared_ptr<ObjectFiles> files, bobbin::WallTime end);

    std::uint64_t size() const noexcept override { return file_.size(); }
    std::unique_ptr<http::Pieces> pieces(std::uint64_t begin, std::uint64_t end) const override;
    const bobbin::media::Mp4File& file() const noexcept { return file_; }

private:
    bobbin::media::Mp4File file_;
    std::shared_ptr<ObjectFiles> files_;
};

/// A hash over `key`, in quotes.
std::string entity_tag(bobbin::ByteView key);

}  // namespace nvr

#endif
