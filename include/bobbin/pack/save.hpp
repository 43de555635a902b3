#ifndef BOBBIN_PACK_SAVE_HPP
#define BOBBIN_PACK_SAVE_HPP

#include <bobbin/codec/none.hpp>
#include <bobbin/pack/detail/tree_saver.hpp>

#include <string>
#include <utility>

namespace bobbin::pack {

/// Makes a codec for each thread.
template <Codec C>
struct MakeCodec {
    C operator()() const { return C{}; }
};

/// Saves a directory with all that is in it: its chunks go to `sink`, and what is answered names
/// them. The same tree makes the same entry, whatever the number of threads and whatever `cache`
/// says.
///
/// What can't be read is left out and told to `options.on_problem`. It reads no file twice, but one
/// that changes meanwhile, and none that `cache` knows to be unchanged, as long as the sink has all
/// its chunks.
///
/// It takes up to 3 MiB of memory for each thread, 64 bytes for each name of the directories on the
/// way to where it is, and what `cache` takes; at most 200 file handles.
/// @param path of the directory; symlinks on the way are followed
/// @param sink a `ChunkSink`, with `fetch(address)`, a `Result<std::vector<std::byte>>` from any
///   thread, where it can read what it has: without it, files of more than
///   `ContentLimits::in_entry` chunks are read again by each save
/// @param cache of this path: published if all went well; null: there is none
/// @param make_codec gives one to each thread
/// @param chunker for files longer than `options.largest_whole`, copied for each thread
/// @errors of the sink, which stop the save at once; of the directory itself: it can't be opened or
///   listed; `stop_requested`; `out_of_memory`; nothing is published then
template <TreeFileSystem Fs, ChunkSink Sink, class Make = MakeCodec<NoCodec>, Chunker Cut = FastCdc>
Result<SavedTree> save_tree(Fs fs, const std::string& path, Sink& sink, const SaveOptions& options,
                            FileCache<Fs>* cache = nullptr, Make make_codec = {},
                            Cut chunker = {}) noexcept {
    return bobbin::detail::without_throwing(Operation::read, [&]() -> Result<SavedTree> {
        detail::TreeSaver<Fs, Sink, Make, Cut> saver{
            std::move(fs), sink, options, cache, std::move(make_codec), std::move(chunker)};
        return saver.run(path);
    });
}

}  // namespace bobbin::pack

#endif
