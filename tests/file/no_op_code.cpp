// Compiled to assembly by tests/file/check_code.cmake: with and without the null wrapper, the same calls must
// come out as the same instructions.
#include <bobbin/file/no_op.hpp>
#include <bobbin/fs/posix.hpp>

using namespace bobbin;

#ifdef BOBBIN_WRAPPED
using Wrapped = NoOp<NoOp<PosixFile>>;
#else
using Wrapped = PosixFile;
#endif

extern "C" bool append_and_sync(Wrapped& file, const std::byte* data, std::size_t size) {
    const auto taken = file.append({data, size});
    return taken && *taken == size && file.flush() && file.sync() && file.close();
}
extern "C" std::uint64_t size_of(const Wrapped& file) { return file.size().value; }
