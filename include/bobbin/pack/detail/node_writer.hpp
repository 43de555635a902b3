#ifndef BOBBIN_PACK_DETAIL_NODE_WRITER_HPP
#define BOBBIN_PACK_DETAIL_NODE_WRITER_HPP

#include <bobbin/pack/content.hpp>
#include <bobbin/pack/detail/chunk_group.hpp>
#include <bobbin/pack/fast_cdc.hpp>
#include <bobbin/pack/tree.hpp>

#include <string_view>
#include <vector>

namespace bobbin::pack::detail {

/// Small, so that one changed line costs little; fixed, so that saves share the nodes that have not
/// changed.
inline constexpr ChunkSizes node_chunk_sizes{2 << 10, 8 << 10, 32 << 10};

/// Turns the entries of a directory into chunks as they come. External sync.
template <ChunkSink Sink, Codec C>
class NodeWriter {
public:
    using Group = ChunkGroup<Sink, C>;

    NodeWriter() = default;
    NodeWriter(const NodeWriter&) = delete;
    NodeWriter& operator=(const NodeWriter&) = delete;

    Result<void> add(Group& group, std::string_view name, ByteView encoded) {
        if (auto added = encoder_.add_encoded(name, encoded); !added) return added;
        return encoder_.pending() < piece ? Result<void>{} : write(group, false);
    }

    Result<Content> finish(Group& group) {
        if (auto finished = encoder_.finish(); !finished) return finished.error();
        if (auto written = write(group, true); !written) return written.error();
        return builder_.finish();
    }

private:
    static constexpr std::size_t piece = std::size_t{64} << 10;

    struct StoreLists {
        Group** group;
        Result<Address> operator()(ByteView list) { return (*group)->add(list); }
    };

    Result<void> write(Group& group, bool is_last) {
        group_ = &group;
        auto bytes = encoder_.take_piece();
        if (!open_.empty()) {
            put_bytes(open_, bytes);
            bytes = open_;
        }
        std::size_t begin = 0;
        for (auto at = scanned_;;) {
            const auto cut = cut_.find_cut(bytes.subspan(at));
            if (!cut) break;
            at += *cut;
            if (auto added = add_chunk(bytes.subspan(begin, at - begin)); !added) return added;
            begin = at;
        }
        const auto rest = bytes.subspan(begin);
        if (is_last) return rest.empty() ? Result<void>{} : add_chunk(rest);
        std::vector<std::byte> open{rest.begin(), rest.end()};
        open_.swap(open);
        scanned_ = open_.size();
        return {};
    }

    Result<void> add_chunk(ByteView chunk) {
        const auto address = group_->add(chunk);
        if (!address) return address.error();
        return builder_.add_chunk(*address, chunk.size());
    }

    TreeEncoder encoder_;
    FastCdc cut_ = *FastCdc::create(node_chunk_sizes);
    std::vector<std::byte> open_;  ///< the chunk that has not ended
    std::size_t scanned_ = 0;      ///< bytes of it
    Group* group_ = nullptr;
    ContentBuilder<StoreLists> builder_{StoreLists{&group_}};
};

}  // namespace bobbin::pack::detail

#endif
