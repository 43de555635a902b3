#ifndef BOBBIN_DETAIL_OBJECT_CURSOR_HPP
#define BOBBIN_DETAIL_OBJECT_CURSOR_HPP

#include <bobbin/store/rows.hpp>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

namespace bobbin::detail {

/// Walks through the committed objects of a stream, some rows at a time. Numbers have gaps where objects
/// were deleted, and may be deleted meanwhile. External sync.
template <class View>
class ObjectCursor {
public:
    ObjectCursor(View& view, StreamId stream) noexcept : view_{&view}, stream_{stream} {}

    /// The next ones, lowest number first; none at the end.
    /// @errors of the store
    /// @allocates the rows
    Result<std::vector<ObjectRow>> next() {
        // Ranges without rows grow, so that a gap costs next to nothing.
        for (std::uint64_t width = rows_at_once; next_ != 0; width *= 2) {
            const auto last =
                static_cast<Sequence>(std::min<std::uint64_t>(most, next_ + (width - 1)));
            auto rows = view_->objects(stream_, next_, last);
            if (!rows) return rows;
            auto seen = last;
            if (rows->size() > rows_at_once) {
                rows->resize(rows_at_once);
                seen = rows->back().id.sequence();
            }
            next_ = seen == most ? 0 : seen + 1;
            if (!rows->empty()) return rows;
        }
        return std::vector<ObjectRow>{};
    }

private:
    static constexpr std::size_t rows_at_once = 1024;
    static constexpr auto most = std::numeric_limits<Sequence>::max();

    View* view_;
    StreamId stream_;
    Sequence next_ = 1;  ///< 0: the end
};

}  // namespace bobbin::detail

#endif
