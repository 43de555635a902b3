// expect: bobbin::Codecs: two codecs with one number
#include <bobbin/codec/codecs.hpp>
#include <bobbin/codec/none.hpp>

struct Mine : bobbin::NoCodec {
#ifdef BOBBIN_CONTROL
    static constexpr std::uint8_t number = 128;
#endif
};

[[maybe_unused]] bobbin::Codecs<bobbin::NoCodec, Mine> codecs;
