// expect: this digest may not decide what is a duplicate
// expect: may_not_decide_what_is_a_duplicate<[^>]*Xxh3
#include <bobbin/codec/none.hpp>
#include <bobbin/digest/xxh3.hpp>
#include <bobbin/pack/pack_writer.hpp>

using namespace bobbin;

struct Sink {
    Result<void> operator()(ByteView, pack::PackIndex::Record) { return {}; }
};

bool store(pack::PackWriter<Xxh3, NoCodec, Sink>& pack, ByteView bytes) {
#ifdef BOBBIN_CONTROL
    return pack.add_new(digest_of<Xxh3>(bytes), bytes).has_value();
#else
    return pack.add(bytes).has_value();
#endif
}
