// The compositions of a pack store that compile.
#include <bobbin/codec/lz4.hpp>
#include <bobbin/codec/zstd.hpp>
#include <bobbin/digest/sha256.hpp>
#include <bobbin/file/writeback.hpp>
#include <bobbin/pack/concept.hpp>
#include <bobbin/pack/pack_store.hpp>
#include <bobbin/pack/snapshot.hpp>
#include <bobbin/store/memory.hpp>

using namespace bobbin;

using Small = pack::PackStore<Sha256, MemoryStore>;
static_assert(std::is_same_v<Small::Codec, NoCodec> &&
              std::is_same_v<Small::Chunker, pack::FastCdc>);
static_assert(pack::ChunkSink<Small> && pack::ChunkSource<Small::Source>);

using Tool = pack::PackStore<Writeback<PosixFile>, pack::SnapshotRows, Sha256,
                             Codecs<Lz4, Zstd, NoCodec>, pack::FixedChunks, SqliteStore>;
static_assert(std::is_same_v<Tool::Codec, Lz4> && std::is_same_v<Tool::Chunker, pack::FixedChunks>);
static_assert(std::is_same_v<Tool::Archive::Composition::Digest, Crc32c>);
static_assert(std::is_same_v<Tool::Facts, pack::SnapshotRows::Facts>);
static_assert(pack::ChunkSink<Tool> && pack::ChunkSource<Tool::Source>);
