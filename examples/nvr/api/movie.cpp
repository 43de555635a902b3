#include "api/movie.hpp"

#include <bobbin/digest/concept.hpp>

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace nvr {

using namespace bobbin;

namespace {

/// Slices of the file, those of data cut at the blocks of the digest: one is checked, then sent.
class MoviePieces final : public http::Pieces {
public:
    MoviePieces(media::Mp4Slices slices, ObjectFiles& files, bool is_export)
        : slices_{std::move(slices)}, files_{files}, is_export_{is_export} {}
    ~MoviePieces() override { let_go(); }

    Result<std::optional<http::Piece>> next() override {
        let_go();
        if (data_.length == 0) {
            auto slice = slices_.next();
            if (!slice) return slice.error();
            if (!*slice) return std::optional<http::Piece>{};
            if ((*slice)->in_memory()) {
                http::Piece piece;
                piece.memory = (*slice)->memory;
                piece.length = piece.memory.size();
                return std::optional{std::move(piece)};
            }
            data_ = **slice;
        }
        auto piece = data_piece();
        if (!piece) return piece.error();
        data_.offset += piece->length;
        data_.length -= piece->length;
        return std::optional{std::move(*piece)};
    }

private:
    Result<http::Piece> data_piece() {
        auto file = open();
        if (!file && file.error().is(Errc::object_unknown)) {
            auto copied = growing_piece();
            if (copied || !copied.error().is(Errc::object_unknown)) return copied;
            file = open();  // committed in between
        }
        if (!file) return file.error();
        const auto block_end = (data_.offset / digest_block_size + 1) * digest_block_size;
        http::Piece piece;
        piece.length = std::min(data_.length, block_end - data_.offset);
        if (auto good = (*file)->check(data_.offset, piece.length); !good) return good.error();
        piece.file = (*file)->descriptor();
        piece.offset = data_.offset;
        piece.keeps = std::move(*file);
        if (is_export_) sending_ = piece.length;
        return piece;
    }

    Result<std::shared_ptr<OpenFile>> open() {
        if (!is_export_) return files_.open(data_.object);
        if (exported_ && exported_->object.row().id == data_.object) return exported_;
        auto file = files_.open_to_export(data_.object);
        if (file) exported_ = *file;
        return file;
    }
    /// The piece before is sent, as far as it will be.
    void let_go() {
        if (sending_ != 0) exported_->sent(data_.offset - sending_, sending_);
        sending_ = 0;
    }

    Result<http::Piece> growing_piece() {
        constexpr std::uint64_t most = 256 * 1024;
        buffer_.resize(static_cast<std::size_t>(std::min(data_.length, most)));
        auto got = files_.reader().read_growing(data_.object, buffer_, data_.offset);
        if (!got) return got.error();
        if (*got != buffer_.size()) return Error{Errc::object_short, Operation::read, data_.object};
        http::Piece piece;
        piece.memory = buffer_;
        piece.length = buffer_.size();
        return piece;
    }

    media::Mp4Slices slices_;
    ObjectFiles& files_;
    const bool is_export_;
    std::shared_ptr<OpenFile> exported_;  ///< the file that an export reads
    std::uint64_t sending_ = 0;           ///< bytes of the piece before, which end at `data_.offset`
    media::Slice data_;
    std::vector<std::byte> buffer_;
};

}  // namespace

Movie::Movie(media::Mp4File file, std::shared_ptr<ObjectFiles> files, WallTime end)
    : file_{std::move(file)}, files_{std::move(files)} {
    content_type = "video/mp4";
    etag = entity_tag(file_.content_key());
    last_modified = std::chrono::floor<std::chrono::seconds>(to_nanoseconds(end));
}

std::unique_ptr<http::Pieces> Movie::pieces(std::uint64_t begin, std::uint64_t end) const {
    // More than a player asks for at once: somebody takes a copy home, and must not push out what others watch.
    constexpr std::uint64_t export_size = 64 << 20;
    return std::make_unique<MoviePieces>(file_.slices(begin, end), *files_, end - begin > export_size);
}

std::string entity_tag(ByteView key) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (EVP_Digest(key.data(), key.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1)
        throw std::runtime_error{"OpenSSL has no SHA-256"};
    std::string tag = "\"";
    for (unsigned i = 0; i < 16; ++i) {
        tag += "0123456789abcdef"[digest[i] >> 4];
        tag += "0123456789abcdef"[digest[i] & 15];
    }
    return tag + '"';
}

}  // namespace nvr
