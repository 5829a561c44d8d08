package org.rackboot.protocol.dhcp;

/** Numbers of options (RFC 2132, 3004, 3046, 4578, 5071). */
public final class OptionCode {
    public static final int PAD = 0;
    public static final int VENDOR_SPECIFIC = 43;
    public static final int REQUESTED_ADDRESS = 50;
    public static final int LEASE_TIME = 51;
    public static final int OVERLOAD = 52;
    public static final int MESSAGE_TYPE = 53;
    public static final int SERVER_IDENTIFIER = 54;
    public static final int PARAMETER_REQUEST_LIST = 55;
    public static final int MAX_MESSAGE_SIZE = 57;
    public static final int VENDOR_CLASS = 60;
    public static final int CLIENT_IDENTIFIER = 61;
    public static final int TFTP_SERVER_NAME = 66;
    public static final int BOOT_FILE_NAME = 67;
    public static final int USER_CLASS = 77;
    public static final int RELAY_AGENT_INFORMATION = 82;
    public static final int CLIENT_ARCHITECTURE = 93;
    public static final int CLIENT_NETWORK_INTERFACE = 94;
    public static final int CLIENT_MACHINE_ID = 97;
    public static final int IPXE_ENCAPSULATED = 175;
    public static final int PXELINUX_MAGIC = 208;
    public static final int PXELINUX_CONFIG_FILE = 209;
    public static final int PXELINUX_PATH_PREFIX = 210;
    public static final int PXELINUX_REBOOT_TIME = 211;
    public static final int END = 255;

    private OptionCode() {}
}
