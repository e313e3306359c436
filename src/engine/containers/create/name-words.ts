/** The words of invented container names: how a ship or its weather may be, and people who knew both. */
export const ADJECTIVES = (
  "able ample amber ardent azure balmy blithe bold brave breezy bright briny brisk calm candid cheery clear coastal " +
  "copper coral crisp daring deft distant drifting eager early easterly fair faithful fearless fleet frosty gallant " +
  "gentle gleaming golden hardy hearty hopeful keen kindly leeward level lively lofty lucid lucky mellow merry misty " +
  "moonlit nimble noble northern open patient peaceful placid plucky polar proud quick quiet radiant ready restful " +
  "roving sailing salty sandy scarlet serene silver sleek snug southern spirited spry stalwart starry steady stout " +
  "sunlit swift tidal tidy tranquil trim trusty upbeat valiant vivid wakeful warm westerly windward wise zesty"
).split(" ");

export const SEAFARERS = (
  "amundsen anson baffin barents baret barrow battuta beaufort bellingshausen bering bligh borough bougainville bouvet " +
  "bowditch brendan byron cabot cabral cartier carvalho cavendish champlain chichester colter cook cousteau crozier " +
  "dampier davis dias drake dufresne earhart elcano erikson fitzroy flinders franklin freycinet frobisher fuchs gama " +
  "gilbert grey hanno harrison hawkins heyerdahl hudson humboldt jansz jewitt kotzebue kupe laperouse legazpi lisiansky " +
  "mackenzie magellan malaspina maury maclure mendana mercator moitessier nansen nares nordenskiold oughton parry " +
  "patrick peary pinzon polo ponce pytheas quiros raleigh ross rutherford saavedra scoresby selkirk shackleton slocum " +
  "solis somerville stark tabarly tasman tharp torres tupaia vancouver verrazzano vespucci vinland wallis weddell wilkes " +
  "willoughby worsley wrangel zheng"
).split(" ");
