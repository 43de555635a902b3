#ifndef BOBBIN_PACK_DETAIL_CONTENT_READER_HPP
#define BOBBIN_PACK_DETAIL_CONTENT_READER_HPP

#include <bobbin/fs/file.hpp>
#include <bobbin/fs/tree.hpp>
#include <bobbin/pack/chunker.hpp>
#include <bobbin/pack/content.hpp>
#include <bobbin/pack/detail/chunk_group.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace bobbin::pack::detail {

/// What became of a file: its content, or why it could not be read.
struct FileRead {
    Content content;
    std::optional<Error> wrong;
    bool has_changed = false;  ///< while it was read
};

/// Records of a long file that another thread may compress.
struct RecordJob {
    struct Run {
        std::size_t first = 0;  ///< chunk
        std::size_t count = 0;
        ByteView bytes;  ///< of the window
    };
    RawBuffer window;
    std::vector<NewChunk<Sha256>> chunks;
    std::vector<Run> runs;
};

/// Turns open files into chunks. External sync.
template <TreeFileSystem Fs, ChunkSink Sink, Codec C, Chunker Cut>
class ContentReader {
public:
    /// @param files takes short files and what is left of long ones, `nodes` lists of chunks
    ContentReader(Fs& fs, const SaveOptions& options, Cut cut, RecordEncoder<Sink, C>& encoder,
                  ChunkGroup<Sink, C>& files, ChunkGroup<Sink, C>& nodes, SaveCounts& counts)
        : fs_{fs}
        , stop_{options.stop}
        , largest_whole_{std::min<std::uint64_t>(options.largest_whole.value, largest_record)}
        , cut_{std::move(cut)}
        , encoder_{encoder}
        , files_{files}
        , nodes_{nodes}
        , counts_{counts} {}

    /// Where others may help with a long file.
    /// @param is_wanted whether somebody has nothing to do
    /// @param give takes a job, which must be done before the save is
    void set_helpers(std::function<bool()> is_wanted,
                     std::function<void(std::shared_ptr<RecordJob>)> give) {
        is_wanted_ = std::move(is_wanted);
        give_ = std::move(give);
    }

    /// Reads as much as `before` says, and looks whether it is still so afterwards.
    /// @errors of the sink, and `stop_requested`; those of the file are in the answer
    Result<FileRead> read(FileHandle h, const NodeStatus& before) {
        if (before.size == 0) return FileRead{};
        const bool has_holes = before.blocks < (before.size + 511) / 512;
        if (before.size <= largest_whole_ && !has_holes) return read_whole(h, before);
        auto got = read_parts(h, before, has_holes);
        if (got && !got->wrong) check_after(h, before, *got);
        return got;
    }

    /// Stores the records of a job, of this file or another.
    Result<void> do_job(const RecordJob& job) {
        for (const auto& run : job.runs) {
            const auto chunks = std::span{job.chunks}.subspan(run.first, run.count);
            if (run.bytes.size() >= shortest_run) {
                if (auto added = encoder_.add(chunks, run.bytes); !added) return added;
                continue;
            }
            auto left = run.bytes;
            for (const auto& chunk : chunks) {
                if (auto added = files_.add_claimed(chunk.key, left.first(chunk.length)); !added)
                    return added;
                left = left.subspan(chunk.length);
            }
        }
        return {};
    }

private:
    struct StoreLists {
        ChunkGroup<Sink, C>* nodes;
        Result<Address> operator()(ByteView list) { return nodes->add(list); }
    };
    using Builder = ContentBuilder<StoreLists>;

    /// Bytes that are read at once: they stay in the processor's cache until they are stored.
    static constexpr std::size_t window = std::size_t{1} << 20;
    /// Shorter runs of new chunks are gathered.
    static constexpr std::size_t shortest_run = std::size_t{128} << 10;

    void check_after(FileHandle h, const NodeStatus& before, FileRead& read) {
        const auto after = fs_.node(h);
        if (!after) {
            read.wrong = after.error();
            return;
        }
        read.has_changed = after->size != before.size || after->modified != before.modified ||
                           after->changed != before.changed;
    }

    /// Fills `to` as far as the file reaches.
    Result<std::size_t> fill(FileHandle h, MutableByteView to, std::uint64_t offset) {
        std::size_t filled = 0;
        while (filled != to.size()) {
            const auto got = bobbin::detail::uninterrupted(
                [&] { return fs_.read_at(h, to.subspan(filled), offset + filled); });
            if (!got) return got.error();
            if (*got == 0) break;
            filled += *got;
        }
        counts_.bytes_read += filled;
        return filled;
    }

    Result<FileRead> read_whole(FileHandle h, const NodeStatus& before) {
        FileRead read;
        const auto to = files_.room(static_cast<std::size_t>(before.size));
        if (!to) return to.error();
        const auto size = fill(h, *to, 0);
        if (!size) {
            read.wrong = size.error();
            return read;
        }
        // First, so that a file of which this can't be told leaves nothing behind.
        check_after(h, before, read);
        if (read.wrong || *size == 0) return read;
        const auto address = files_.keep(*size);
        if (!address) return address.error();
        read.content = {*size, 0, {{*size, *address, false}}};
        return read;
    }

    Result<FileRead> read_parts(FileHandle h, const NodeStatus& before, bool has_holes) {
        FileRead read;
        Builder builder{StoreLists{&nodes_}};
        std::uint64_t at = 0;
        while (at != before.size) {
            auto begin = at;
            auto end = before.size;
            if (has_holes) {
                const auto found = find_data(h, begin, end);
                if (!found) {
                    read.wrong = found.error();
                    return read;
                }
            }
            if (begin != at)
                if (auto added = builder.add_hole(begin - at); !added) return added.error();
            const auto size = read_data(h, begin, end, builder, read.wrong);
            if (!size) return size.error();
            if (read.wrong) return read;
            at = begin + *size;
            if (at != end) break;  // it was cut off
        }
        auto content = builder.finish();
        if (!content) return content.error();
        read.content = *std::move(content);
        return read;
    }

    /// The next data from `begin` on; none: both become the file's end, which `end` is before.
    Result<void> find_data(FileHandle h, std::uint64_t& begin, std::uint64_t& end) {
        const auto data = fs_.next_data(h, begin);
        if (!data) {
            if (data.error().is(Errc::not_supported)) return {};
            return data.error();
        }
        begin = std::min(data->value_or(end), end);
        const auto hole = fs_.next_hole(h, begin);
        if (!hole) return hole.error();
        // Another process may have moved things between both calls.
        if (*hole && **hole > begin) end = std::min(**hole, end);
        return {};
    }

    /// Reads and stores the bytes from `begin` to `end` and tells how many there were.
    Result<std::uint64_t> read_data(FileHandle h, std::uint64_t begin, std::uint64_t end,
                                    Builder& builder, std::optional<Error>& wrong) {
        const auto room_size = std::max(window, 2 * cut_.largest());
        auto room = job_.window.at_least(room_size);
        cut_.reset();
        job_.chunks.clear();
        job_.runs.clear();
        std::size_t held = 0;  // bytes of the open chunk, in front
        for (auto at = begin; at != end;) {
            if (stop_.stop_requested()) return Error{Errc::stop_requested, Operation::read};
            const auto size =
                static_cast<std::size_t>(std::min<std::uint64_t>(room.size() - held, end - at));
            const auto got = fill(h, room.subspan(held, size), at);
            if (!got) {
                wrong = got.error();
                return at - begin;
            }
            at += *got;
            if (*got != size) end = at;
            const auto filled = room.first(held + *got);
            std::size_t chunk = 0;
            while (held != filled.size()) {
                const auto cut = cut_.find_cut(filled.subspan(held));
                held = cut ? held + *cut : filled.size();
                if (!cut) break;
                if (auto added = add_chunk(filled.subspan(chunk, held - chunk), builder); !added)
                    return added.error();
                chunk = held;
            }
            if (at == end && chunk != held) {
                if (auto added = add_chunk(filled.subspan(chunk), builder); !added)
                    return added.error();
                chunk = held;
            }
            const auto rest = filled.subspan(chunk);
            held = rest.size();
            if (auto given = give_job(rest, room_size); !given)
                return given.error();
            else if (*given) {
                room = job_.window.at_least(room_size);
                continue;
            }
            if (auto done = do_job(job_); !done) return done.error();
            job_.chunks.clear();
            job_.runs.clear();
            std::memmove(room.data(), rest.data(), held);
        }
        return end - begin;
    }

    /// New chunks, one behind the other, become a record from where they lie.
    Result<void> add_chunk(ByteView chunk, Builder& builder) {
        const auto address = digest_of<Sha256>(chunk);
        const auto is_new = encoder_.sink().claim(address);
        if (!is_new) return is_new.error();
        if (*is_new) {
            auto& runs = job_.runs;
            const bool goes_on =
                !runs.empty() && runs.back().count < most_chunks &&
                runs.back().bytes.size() + chunk.size() <= window &&
                runs.back().bytes.data() + runs.back().bytes.size() == chunk.data();
            if (goes_on) {
                runs.back().bytes = {runs.back().bytes.data(),
                                     runs.back().bytes.size() + chunk.size()};
                ++runs.back().count;
            } else {
                runs.push_back({job_.chunks.size(), 1, chunk});
            }
            job_.chunks.push_back({address, static_cast<std::uint32_t>(chunk.size())});
        }
        return builder.add_chunk(address, chunk.size());
    }

    /// Gives the window away where another thread waits for work. `rest` goes to the new one.
    Result<bool> give_job(ByteView rest, std::size_t room_size) {
        if (!is_wanted_ || job_.chunks.empty() || !is_wanted_()) return false;
        auto job = std::make_shared<RecordJob>(std::move(job_));
        job_ = {};
        std::ranges::copy(rest, job_.window.at_least(room_size).begin());
        give_(std::move(job));
        return true;
    }

    Fs& fs_;
    const std::stop_token& stop_;
    std::uint64_t largest_whole_;
    Cut cut_;
    RecordEncoder<Sink, C>& encoder_;
    ChunkGroup<Sink, C>& files_;
    ChunkGroup<Sink, C>& nodes_;
    SaveCounts& counts_;
    RecordJob job_;  ///< of what was read last
    std::function<bool()> is_wanted_;
    std::function<void(std::shared_ptr<RecordJob>)> give_;
};

}  // namespace bobbin::pack::detail

#endif
