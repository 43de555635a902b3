#ifndef BOBBIN_MEDIA_DETAIL_LAYOUT_HPP
#define BOBBIN_MEDIA_DETAIL_LAYOUT_HPP

#include <bobbin/media/detail/boxes.hpp>

#include <cstdint>
#include <string_view>
#include <vector>

namespace bobbin::media::detail {

enum class PartKind : std::uint8_t { fixed, durations, sizes, sync_numbers, data, texts };

/// A stretch of the file, as long as its predecessor's end tells.
struct Part {
    std::uint64_t end = 0;      ///< in the file
    std::uint64_t at = 0;       ///< fixed: where in the fixed bytes
    std::uint32_t segment = 0;  ///< else: whose
    PartKind kind = PartKind::fixed;
};

/// A file under construction: bytes that are there, between parts of which only the length is known.
struct Layout {
    Buffer fixed;
    std::vector<Part> parts;
    std::uint64_t generated = 0;    ///< bytes of the parts that are not there
    std::uint64_t fixed_taken = 0;  ///< of `fixed`, by parts so far

    std::uint64_t position() const noexcept { return fixed.size() + generated; }

    void flush() {
        if (fixed.size() == fixed_taken) return;
        parts.push_back({position(), fixed_taken, 0, PartKind::fixed});
        fixed_taken = fixed.size();
    }
    void add(PartKind kind, std::uint32_t segment, std::uint64_t length) {
        if (length == 0) return;
        flush();
        generated += length;
        parts.push_back({position(), 0, segment, kind});
    }
};

/// A box whose size counts generated parts, too.
class LayoutBox {
public:
    LayoutBox(Layout& layout, std::string_view type)
        : layout_{layout}, field_{layout.fixed.size()}, begin_{layout.position()} {
        put32(layout.fixed, 0);
        put_text(layout.fixed, type);
    }
    LayoutBox(Layout& layout, std::string_view type, unsigned version, std::uint32_t flags)
        : LayoutBox{layout, type} {
        put32(layout.fixed, version << 24 | flags);
    }
    LayoutBox(const LayoutBox&) = delete;
    LayoutBox& operator=(const LayoutBox&) = delete;
    ~LayoutBox() {
        store_be(&layout_.fixed[field_], static_cast<std::uint32_t>(layout_.position() - begin_));
    }

private:
    Layout& layout_;
    std::size_t field_;
    std::uint64_t begin_;
};

}  // namespace bobbin::media::detail

#endif
