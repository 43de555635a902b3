#ifndef BOBBIN_PACK_PACK_SOURCE_HPP
#define BOBBIN_PACK_PACK_SOURCE_HPP

#include <bobbin/pack/pack_view.hpp>

#include <algorithm>
#include <compare>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace bobbin::pack {

/// Reads chunks of all packs of a view, checked. Keeps a few packs open. External sync: one for each
/// thread. Must not outlive its view, nor be used while that loads.
template <class View>
class PackSource {
public:
    using Key = typename View::Key;

    /// Where a copy of a chunk lies: in the order of the disk.
    struct Location {
        ObjectId pack;
        std::uint64_t record = 0;
        std::uint32_t begin = 0;
        Key key{};
        friend constexpr auto operator<=>(const Location&, const Location&) = default;
    };

    explicit PackSource(const View& view) noexcept : view_{&view} {}

    /// Any one of its copies. Empty: none is found; reading it tells why.
    /// @allocates the index of its pack
    std::optional<Location> locate(const Key& key) noexcept {
        const auto found = view_->chunks().find(key);
        if (!found) return {};
        // Why a pack can't be opened is told when it is read.
        const auto pack = open(found->pack);
        const auto place = pack ? (*pack)->find(key) : std::nullopt;
        return place ? Location{found->pack, place->place.record, place->place.begin, key}
                     : Location{found->pack, 0, 0, key};
    }

    /// The whole chunk, until the next call.
    /// @errors as `PackReader::read` and `PackView::open`, about the pack; `out_of_memory`
    /// @allocates room for a record of each of the few packs used last, and the indexes of more
    Result<ByteView> read(const Location& location) noexcept {
        auto pack = open(location.pack);
        if (!pack) return pack.error();
        const auto place = (*pack)->find(location.key);
        if (!place) return Error{Errc::pack_malformed, Operation::read, location.pack};
        auto bytes = (*pack)->read(*place);
        if (!bytes) return bytes.error().about(location.pack);
        return bytes;
    }

    /// As above; a copy that can't be read is passed over for the next, and told by `problems`.
    /// @errors `PackView::not_found`: there is no copy; what the last copy answers
    Result<ByteView> read(const Key& key) noexcept {
        std::optional<Result<ByteView>> answer;
        view_->chunks().find_copy(key, [&](const PackedChunk& copy) {
            answer = read(Location{copy.pack, 0, 0, key});
            if (!*answer) note({copy.pack, answer->error()});
            return answer->has_value();
        });
        if (!answer) return view_->not_found();
        return *answer;
    }

    /// Gives the bytes of a chunk to `sink`, which answers a Result<void>; all were checked before.
    /// @errors as `read`; of the sink
    template <class Sink>
    Result<void> copy(const Location& location, Sink&& sink) {
        auto bytes = read(location);
        if (!bytes) return bytes.error();
        return std::forward<Sink>(sink)(*bytes);
    }

    /// Copies that were passed over; the first few.
    const std::vector<PackProblem>& problems() const noexcept { return problems_; }

private:
    using Reader = typename View::Reader;
    static constexpr std::size_t most_open = 32;
    static constexpr std::size_t most_loaded = 4;  ///< that keep a record
    static constexpr std::size_t most_problems = 1000;

    struct Open {
        ObjectId id;
        std::unique_ptr<Reader> reader;
    };

    /// The one used last stands last.
    Result<Reader*> open(ObjectId id) noexcept {
        return bobbin::detail::without_throwing(Operation::open, [&]() -> Result<Reader*> {
            const auto known = std::ranges::find(open_, id, &Open::id);
            if (known != open_.end()) {
                std::rotate(known, known + 1, open_.end());
            } else {
                auto opened = view_->open(id);
                if (!opened) return opened.error();
                if (open_.size() == most_open) open_.erase(open_.begin());
                open_.push_back({id, std::make_unique<Reader>(std::move(*opened))});
            }
            if (open_.size() > most_loaded) open_[open_.size() - 1 - most_loaded].reader->release();
            return open_.back().reader.get();
        });
    }

    void note(PackProblem problem) noexcept {
        if (problems_.size() == most_problems) return;
        static_cast<void>(bobbin::detail::without_throwing(Operation::read, [&]() -> Result<void> {
            problems_.push_back(problem);
            return {};
        }));
    }

    const View* view_;
    std::vector<Open> open_;
    std::vector<PackProblem> problems_;
};

}  // namespace bobbin::pack

#endif
