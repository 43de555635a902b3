#include <bobbin/fs/concept.hpp>

#include <bobbin/fs/posix.hpp>
#include <bobbin/testing/faulty_fs.hpp>
#include <bobbin/testing/sim_fs.hpp>
#include <bobbin/testing/tracing_fs.hpp>

namespace {

using namespace bobbin;
using testing::FaultyFs, testing::SimFs, testing::TracingFs;

template <class Fs>
constexpr bool has_all = WritesBack<Fs> && DropsCache<Fs> && ReadsAhead<Fs> && CountsCache<Fs> &&
                         Preallocates<Fs> && Reopens<Fs> && Adopts<Fs> && KnowsType<Fs>;
static_assert(has_all<PosixFs> && has_all<SimFs> && has_all<TracingFs<FaultyFs<SimFs>>>);
static_assert(WritesUncached<PosixFs> && WritesUncached<SimFs> &&
              WritesUncached<FaultyFs<PosixFs>>);

// A file system without them is one all the same, and its files have none of the calls.
struct Bare : PosixFs {
    void start_writeback() = delete;
    void wait_writeback() = delete;
    void drop_cache() = delete;
    void read_ahead() = delete;
    void cache_status() = delete;
    void preallocate() = delete;
    void reopen() = delete;
    void adopt() = delete;
    void type() = delete;
    void write_uncached() = delete;
};
static_assert(FileSystem<Bare> && !WritesBack<Bare> && !DropsCache<Bare> && !ReadsAhead<Bare> && !CountsCache<Bare> &&
              !Preallocates<Bare> && !Reopens<Bare> && !Adopts<Bare> && !KnowsType<Bare> &&
              !WritesUncached<Bare>);
template <class F>
constexpr bool file_writes_back = requires(F& f) { f.start_writeback(0, 0); };
static_assert(file_writes_back<PosixFile> && !file_writes_back<File<Bare>>);
static_assert(!WritesBack<FaultyFs<Bare>> && !Reopens<TracingFs<Bare>>);

// One defect each.
struct MayThrow : PosixFs {
    Result<void> wait_writeback(FileHandle, std::uint64_t, std::uint64_t);
};
struct SignedType : PosixFs {
    Result<std::int32_t> type(FileHandle) noexcept;
};
static_assert(!WritesBack<MayThrow> && !KnowsType<SignedType>);

static_assert(!detail::has_uncached_writes("6.1.0-18-amd64") &&
              !detail::has_uncached_writes("6.15.11") && detail::has_uncached_writes("6.16") &&
              detail::has_uncached_writes("6.18.44-fc") && detail::has_uncached_writes("7.0.0") &&
              !detail::has_uncached_writes("5.99") && !detail::has_uncached_writes("") &&
              !detail::has_uncached_writes("linux") && !detail::has_uncached_writes("6."));

}  // namespace
