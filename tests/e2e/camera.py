"""An RTSP camera on the loopback, on a free port unless told which: camera.py CLIP CODEC [PORT]

Plays the clip in real time to each who connects, from its beginning; the session ends with the clip. Prints its address when
it can be connected to. Exit code 77: GStreamer's RTSP server is not there.
"""
import sys

try:
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer
except (ImportError, ValueError) as missing:
    print(f"no GStreamer RTSP server: {missing}", file=sys.stderr)
    sys.exit(77)

PAYLOADS = {"h264": "h264parse ! rtph264pay", "h265": "h265parse ! rtph265pay"}


def main():
    clip, codec, *port = sys.argv[1:]
    Gst.init(None)
    for element in ("qtdemux", f"{codec}parse", f"rtp{codec}pay"):
        if not Gst.ElementFactory.find(element):
            print(f"GStreamer has no {element}", file=sys.stderr)
            sys.exit(77)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port[0] if port else "0")
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f'( filesrc location="{clip}" ! qtdemux ! {PAYLOADS[codec]} name=pay0 pt=96 config-interval=-1 )')
    server.get_mount_points().add_factory("/main", factory)
    if server.attach(None) == 0:
        sys.exit("the camera cannot listen")
    print(f"rtsp://127.0.0.1:{server.get_bound_port()}/main", flush=True)
    GLib.MainLoop().run()


main()
